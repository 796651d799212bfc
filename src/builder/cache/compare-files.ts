import { comparePaths } from '../../util/compare-paths.ts'
import type { MissDifference } from '../build.ts'
import type { FileList } from './file-list.ts'

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

/** A path whose line is another one; where there is none on one side, it was added or removed. */
export interface FileChange {
  readonly path: string
  readonly before?: string | undefined
  readonly after?: string | undefined
}

/** What differs between two lists, in the order of the new one; what is gone comes last. */
export function changedFiles(before: FileList, after: FileList): FileChange[] {
  const changes = new Map<string, { before?: string; readonly after: string }>()
  const gone = new Map<string, string>()
  const was = before.cursor()
  const now = after.cursor()
  // both come from walks, so that most files of one are met together with those of the other
  while (!was.isDone || !now.isDone) {
    const isSame = !was.isDone && !now.isDone && was.isSame(now)
    const order = isSame ? 0 : was.isDone ? 1 : now.isDone ? -1 : comparePaths(was.path, now.path)
    if (order > 0) changes.set(now.path, { after: now.line })
    else if (order < 0) gone.set(was.path, was.line)
    else if (!isSame) changes.set(now.path, { before: was.line, after: now.line })
    if (order <= 0) was.next()
    if (order >= 0) now.next()
  }
  // lists of several sources have an order of their own
  for (const [path, change] of changes) {
    const line = gone.get(path)
    if (line === undefined) continue
    gone.delete(path)
    if (line === change.after) changes.delete(path)
    else change.before = line
  }
  return [
    ...[...changes].map(([path, change]) => ({ path, ...change })),
    ...[...gone].map(([path, line]) => ({ path, before: line })),
  ]
}

/** What differs, in words for people. */
export function compareFiles(before: FileList, after: FileList): FileDifference[] {
  return changedFiles(before, after).map(({ path: name, before: was, after: now }) => {
    if (now === undefined) return { kind: 'removed', name, before: textOf(parseLine(was ?? '')) }
    if (was === undefined) return { kind: 'added', name, after: textOf(parseLine(now)) }
    return { name, ...changeOf(parseLine(was), parseLine(now)) }
  })
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
