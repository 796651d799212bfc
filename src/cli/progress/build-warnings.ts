import type { BuildEvent } from '../../builder/build.ts'

export type BuildWarning = Extract<BuildEvent, { readonly type: 'warning' }>

export interface WarningsView {
  /** With the source lines. */
  readonly expanded: boolean
  readonly coloured: boolean
}

/** What stands at the end of a build as buildx prints it: how many warnings of the checks, and which. */
export function warningsText(
  warnings: readonly BuildWarning[],
  { expanded, coloured }: WarningsView,
): string {
  const unique = new Map(
    warnings.map((warning) => [`${warning.line} ${warning.rule} ${warning.message}`, warning]),
  )
  const all = [...unique.values()].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0))
  const list = (title: string, listed: readonly BuildWarning[]): string => {
    if (listed.length === 0) return ''
    const head = `${title}${expanded || listed.every(({ excerpt }) => excerpt === undefined) ? '' : ' (use mille --debug to expand)'}:\n`
    const lines = listed.map((warning) => ` - ${lineOf(warning)}\n${expanded ? detailsOf(warning) : ''}`)
    return `\n ${coloured ? `\x1b[33m${head}\x1b[0m` : head}${lines.join('')}`
  }
  const found = all.filter(isOfDocker)
  const own = all.filter((warning) => !isOfDocker(warning))
  return list(countText(found, 'found'), found) + list(countText(own, "of mille's own"), own)
}

/** Rules of mille's own have no page; they are advice and end no build. */
function isOfDocker({ url }: BuildWarning): boolean {
  return url !== undefined
}

function countText({ length }: readonly BuildWarning[], end: string): string {
  return `${length} warning${length === 1 ? '' : 's'} ${end}`
}

function lineOf({ rule, message, line, note }: BuildWarning): string {
  const more = note === undefined ? '' : `\n   note: ${note}`
  return `${rule}: ${message}${line === undefined ? '' : ` (line ${line})`}${more}`
}

function detailsOf({ description, url, file, line, excerpt }: BuildWarning): string {
  return [
    ...(description === undefined ? [] : [`${description}\n`]),
    ...(url === undefined ? [] : [`More info: ${url}\n`]),
    ...(excerpt === undefined ? [] : [`${file}:${line}\n${excerpt}\n`]),
  ].join('')
}
