import { closeSync, constants } from 'node:fs'
import { openFlags, openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { type FileStatus, fileTypes, statx } from '../../linux/statx.ts'
import { type TreeNode, walkTree } from '../../linux/walk-tree.ts'
import { getXattr, listXattrs } from '../../linux/xattr.ts'
import { readFolder } from '../../linux/read-folder.ts'
import { isOverlayXattr } from '../layers/overlay-xattr.ts'
import type { ChangeKind } from '../snapshotter.ts'
import { opaqueXattr } from './overlay.ts'

/** One difference between a tree and what lies below it. */
export interface TreeChange {
  readonly kind: ChangeKind
  /** Clean path; the root is the empty string. */
  readonly path: string
  /** The node; absent for what was deleted. Good until the next step of the walk. */
  readonly node?: TreeNode
  /** A folder that hides all that was below it. */
  readonly opaque?: boolean
}

/** What is known about a folder of the upper tree while the walk is inside it. */
interface Level {
  readonly path: string
  /** Nothing of the lower layers shows through here. */
  readonly fresh: boolean
  /** A change that is told only once something inside has changed (as Docker does). */
  pending: TreeChange | undefined
}

/**
 * Walks an upper folder and tells what it changes: folders before their content, sorted by name. Unchanged folders
 * that only had to be copied up are told when something in them changed. `lower` shows the layers below, merged;
 * undefined when there are none.
 */
export function* upperChanges(upper: number, lower: number | undefined): Generator<TreeChange> {
  const levels: Level[] = [{ path: '', fresh: lower === undefined, pending: undefined }]
  for (const node of walkTree(upper)) {
    const level = leaveTo(levels, node.path)
    const change = compare(node, level.fresh ? undefined : lower)
    if (change === undefined) {
      levels.push({
        path: node.path,
        fresh: false,
        pending: { kind: 'C', path: node.path, node: detach(node) },
      })
      continue
    }
    yield* tellPending(levels)
    yield change
    if (change.node === undefined || (node.status.mode & fileTypes.mask) !== fileTypes.directory) continue
    levels.push({ path: node.path, fresh: change.kind === 'A' || change.opaque === true, pending: undefined })
    if (change.opaque === true && change.kind === 'C' && lower !== undefined)
      yield* hiddenChildren(upper, lower, node.path)
  }
}

/** The folder behind a node of the walk is closed once the walk has left it; path and status stay true. */
function detach(node: TreeNode): TreeNode {
  return { ...node, folder: -1 }
}

function leaveTo(levels: Level[], path: string): Level {
  for (;;) {
    const level = levels.at(-1)
    if (level === undefined) throw new RangeError('the walk left its root')
    if (level.path === '' || path.startsWith(`${level.path}/`)) return level
    levels.pop()
  }
}

function* tellPending(levels: readonly Level[]): Generator<TreeChange> {
  for (const level of levels) {
    if (level.pending === undefined) continue
    yield level.pending
    level.pending = undefined
  }
}

/** Undefined for a folder that is as it was below. */
function compare(node: TreeNode, lower: number | undefined): TreeChange | undefined {
  const { path, status } = node
  const type = status.mode & fileTypes.mask
  // overlayfs's whiteout. Source: kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories"
  if (type === fileTypes.char && status.major === 0 && status.minor === 0) return { kind: 'D', path }
  const below = lower === undefined ? undefined : openBelow(lower, path)
  if (below === undefined) return { kind: 'A', path, node }
  try {
    if (type !== fileTypes.directory) return { kind: 'C', path, node }
    const handle = openHandle(node)
    try {
      const belowStatus = statx(below, '')
      // a folder in place of a file: what is inside is all new
      if ((belowStatus.mode & fileTypes.mask) !== fileTypes.directory)
        return { kind: 'C', path, node, opaque: true }
      if (getXattr(handle, opaqueXattr())?.toString() === 'y') return { kind: 'C', path, node, opaque: true }
      return isSameFolder(status, belowStatus, handle, below) ? undefined : { kind: 'C', path, node }
    } finally {
      closeSync(handle)
    }
  } finally {
    closeSync(below)
  }
}

function openHandle({ folder, name }: TreeNode): number {
  return openat2(folder, name, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
}

/** O_PATH: nothing below is read, no fifo waited for. */
function openBelow(lower: number, path: string): number | undefined {
  const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
  const flags = openFlags.path | constants.O_NOFOLLOW
  const descriptor = tryOpenat2(lower, path, flags, resolve & ~resolveFlags.noSymlinks)
  return descriptor < 0 ? undefined : descriptor
}

function isSameFolder(one: FileStatus, other: FileStatus, handle: number, below: number): boolean {
  if (one.mode !== other.mode || one.uid !== other.uid || one.gid !== other.gid || one.mtime !== other.mtime)
    return false
  return xattrText(handle) === xattrText(below)
}

function xattrText(handle: number): string {
  return [...readXattrs(handle)].map(([name, value]) => `${name}=${value.toString('hex')}`).join('\n')
}

/** Attributes of an open object, without overlayfs's own: those must not get into a layer. */
export function readXattrs(handle: number): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  for (const name of listXattrs(handle)) {
    if (isOverlayXattr(name)) continue
    const value = getXattr(handle, name)
    if (value !== undefined) found.set(name, value)
  }
  return found
}

/** What an opaque folder hides and does not hold itself. */
function* hiddenChildren(upper: number, lower: number, path: string): Generator<TreeChange> {
  const below = tryOpenat2(
    lower,
    path,
    constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW,
    resolveFlags.beneath,
  )
  if (below < 0) return
  const own = openat2(upper, path, constants.O_RDONLY | constants.O_DIRECTORY, resolveFlags.beneath)
  try {
    const kept = new Set(readFolder(own).map(({ name }) => name))
    for (const { name } of readFolder(below).sort((a, b) => (a.name < b.name ? -1 : 1)))
      if (!kept.has(name)) yield { kind: 'D', path: `${path}/${name}` }
  } finally {
    closeSync(below)
    closeSync(own)
  }
}
