import type { MissDifference } from '../build.ts'

/** Paths with a line about each, as `listFiles` makes them. */
export type FileList = ReadonlyMap<string, string>

interface FileDifference extends MissDifference {
  readonly kind: 'file' | 'mode' | 'added' | 'removed'
}

/** By S_IFMT, decimal. */
const typeNames: Readonly<Record<string, string>> = {
  '4096': 'fifo',
  '8192': 'device',
  '16384': 'folder',
  '24576': 'device',
  '32768': 'file',
  '40960': 'link',
}

interface Line {
  readonly type: string
  readonly mode: number
  readonly owner: string
  /** Start of a file's digest, target of a link. */
  readonly content: string
}

/** What differs between two lists, in the order of the new one; what is gone comes last. */
export function compareFiles(before: FileList, after: FileList): FileDifference[] {
  const changed = [...after].flatMap(([name, value]): FileDifference[] => {
    const was = before.get(name)
    if (was === value) return []
    if (was === undefined) return [{ kind: 'added', name, after: textOf(parseLine(value)) }]
    return [{ name, ...changeOf(parseLine(was), parseLine(value)) }]
  })
  const gone = [...before]
    .filter(([name]) => !after.has(name))
    .map(([name, value]): FileDifference => ({ kind: 'removed', name, before: textOf(parseLine(value)) }))
  return [...changed, ...gone]
}

/** Type, mode, owner where it counts (other stages), content. */
function parseLine(line: string): Line {
  const [type = '', mode = '', third = '', ...rest] = line.split(' ')
  const hasOwner = rest.length > 0 && /^\d+:\d+$/.test(third)
  return {
    type,
    mode: Number(mode),
    owner: hasOwner ? third : '',
    content: (hasOwner ? rest : [third, ...rest]).join(' '),
  }
}

function changeOf(was: Line, now: Line): { kind: 'file' | 'mode'; before: string; after: string } {
  if (was.type !== now.type || was.content !== now.content) {
    const show = was.type === now.type ? contentText : textOf
    return { kind: 'file', before: show(was), after: show(now) }
  }
  const show = was.mode === now.mode ? ({ owner }: Line) => `owner ${owner}` : modeText
  return { kind: 'mode', before: show(was), after: show(now) }
}

function textOf(line: Line): string {
  const type = typeNames[line.type] ?? 'socket'
  return [type, ...(type === 'link' ? [] : [modeText(line)]), contentText(line)].join(' ').trimEnd()
}

function modeText({ mode }: Line): string {
  return (mode & 0o7777).toString(8).padStart(4, '0')
}

function contentText({ type, content }: Line): string {
  if (typeNames[type] === 'link') return `-> ${content}`
  return content === '' ? '' : `sha256:${content.slice(0, 12)}`
}
