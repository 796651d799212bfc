import type { CallSource, OutlineReport, TargetsReport } from '../../builder/calls.ts'
import type { OutlineMount } from '../../dockerfile/outline.ts'
import { alignColumns } from './align-columns.ts'

/** The tables that `buildx build --call=outline` prints. */
export function outlineText({ outline }: OutlineReport): string {
  const { name, description, args, secrets, ssh } = outline
  const head = [
    ...(name === '' ? [] : [`TARGET:\t${name}\n`]),
    ...(description === '' ? [] : [`DESCRIPTION:\t${description}\n`]),
  ]
  const rows = args.map((arg) => `${arg.name}\t${arg.value}\t${arg.description}\n`)
  return [
    ...(head.length === 0 ? [] : [`${alignColumns(head.join(''), 0, 1)}\n`]),
    ...(rows.length === 0 ? [] : [`${alignColumns(`BUILD ARG\tVALUE\tDESCRIPTION\n${rows.join('')}`, 0)}\n`]),
    mountsText('SECRET', secrets),
    mountsText('SSH', ssh),
  ].join('')
}

function mountsText(title: string, mounts: readonly OutlineMount[]): string {
  if (mounts.length === 0) return ''
  const rows = mounts.map(({ name, required }) => `${name}\t${required ? 'true' : ''}\n`)
  return `${alignColumns(`${title}\tREQUIRED\n${rows.join('')}`, 0)}\n`
}

export function outlineJson({ outline, source }: OutlineReport): unknown {
  const { name, description, args, secrets, ssh } = outline
  return {
    ...given({ name, description }),
    ...(args.length === 0
      ? {}
      : {
          args: args.map((arg) => ({
            name: arg.name,
            ...given({ description: arg.description, value: arg.value }),
            location: location(arg.range.start.line, arg.range.end.line),
          })),
        }),
    ...mountsJson('secrets', secrets),
    ...mountsJson('ssh', ssh),
    sources: sources({ source }),
  }
}

function mountsJson(key: string, mounts: readonly OutlineMount[]): Record<string, unknown> {
  if (mounts.length === 0) return {}
  const rows = mounts.map(({ name, required, range }) => ({
    name,
    ...(required ? { required } : {}),
    location: location(range.start.line, range.end.line),
  }))
  return { [key]: rows }
}

/** The table of `--call=targets`. */
export function targetsText({ targets }: TargetsReport): string {
  const rows = targets.map(({ name, isDefault, description }) => {
    const shown = [...(name === '' ? [] : [name]), ...(isDefault ? ['(default)'] : [])].join(' ')
    return `${shown}\t${description}\n`
  })
  return alignColumns(`TARGET\tDESCRIPTION\n${rows.join('')}`, 0, 1)
}

export function targetsJson({ targets, source }: TargetsReport): unknown {
  return {
    targets: targets.map(({ name, description, base, platform, isDefault, range }) => ({
      ...given({ name }),
      ...(isDefault ? { default: true } : {}),
      ...given({ description }),
      base,
      ...(platform === undefined ? {} : { platform }),
      location: location(range.start.line, range.end.line),
    })),
    sources: sources({ source }),
  }
}

/** Without the empty ones, as Go's `omitempty`. */
function given(fields: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== ''))
}

function sources({ source }: Pick<CallSource, 'source'>): string[] {
  return [Buffer.from(source).toString('base64')]
}

/** One range for each line, as BuildKit has it. */
export function location(first: number, last: number): unknown {
  const lines = Array.from({ length: Math.min(last - first + 1, 1000) }, (_, index) => first + index)
  return { ranges: lines.map((line) => ({ start: { line }, end: { line } })) }
}
