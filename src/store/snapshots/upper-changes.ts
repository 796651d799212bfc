import { closeSync, constants } from 'node:fs'
import { openFlags, openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes, statx } from '../../linux/statx.ts'
import { type TreeNode, walkTree } from '../../linux/walk-tree.ts'
import { getXattr } from '../../linux/xattr.ts'
import { readFolder } from '../../linux/read-folder.ts'
import type { ChangeKind } from '../snapshotter.ts'
import { opaqueXattr } from './overlay.ts'
import { isSameObject } from './same-object.ts'

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
    const isFolder = (node.status.mode & fileTypes.mask) === fileTypes.directory
    if (change === undefined && !isFolder) continue
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
    if (change.node === undefined || !isFolder) continue
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

/** Undefined for what is as it was below: overlayfs copies up what is only opened for writing, or linked to. */
function compare(node: TreeNode, lower: number | undefined): TreeChange | undefined {
  const { path, status } = node
  const type = status.mode & fileTypes.mask
  // overlayfs's whiteout. Source: kernel documentation, filesystems/overlayfs, "whiteouts and opaque directories"
  if (type === fileTypes.char && status.major === 0 && status.minor === 0) return { kind: 'D', path }
  const below = lower === undefined ? undefined : openBelow(lower, path)
  if (below === undefined) return { kind: 'A', path, node }
  try {
    const handle = openHandle(node)
    try {
      const change: TreeChange = { kind: 'C', path, node }
      if (type !== fileTypes.directory) return isSameObject(handle, status, below) ? undefined : change
      const isFolderBelow = (statx(below, '').mode & fileTypes.mask) === fileTypes.directory
      // a folder in place of a file: what is inside is all new
      if (!isFolderBelow || getXattr(handle, opaqueXattr())?.toString() === 'y')
        return { ...change, opaque: true }
      return isSameObject(handle, status, below) ? undefined : change
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
