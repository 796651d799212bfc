import { closeSync, constants } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { openFlags, openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { readFolder } from '../../linux/read-folder.ts'
import { type FileStatus, fileTypes, statx } from '../../linux/statx.ts'
import { type TreeNode, walkTree } from '../../linux/walk-tree.ts'
import { readXattrs, type TreeChange } from './upper-changes.ts'

/**
 * What differs between a whole tree and the one it was copied from: as `upperChanges`, for snapshots without overlays.
 * A file of the same size, time, owner and mode counts as unchanged.
 */
export function* treeChanges(tree: number, base: number | undefined): Generator<TreeChange> {
  const all = [...compareFolder(tree, base, '')]
  for (const node of walkTree(tree)) all.push(...compareNode(node, tree, base))
  // a folder in which something changed is told even where it looks the same itself
  const changed = new Set(all.filter(({ kind }) => kind !== 'same').flatMap(({ path }) => parentsOf(path)))
  for (const { kind, path, node } of all.sort((a, b) => (key(a.path) < key(b.path) ? -1 : 1))) {
    if (kind !== 'same') yield node === undefined ? { kind, path } : { kind, path, node }
    else if (node !== undefined && changed.has(path)) yield { kind: 'C', path, node }
  }
}

interface Compared {
  readonly kind: TreeChange['kind'] | 'same'
  readonly path: string
  readonly node?: TreeNode
}

const key = (path: string): string => path.replaceAll('/', '\0')

function parentsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

function* compareNode(live: TreeNode, tree: number, base: number | undefined): Generator<Compared> {
  // the walk's handle of the folder is closed before this is told
  const node = { ...live, folder: -1 }
  const { path, status } = node
  const before =
    base === undefined
      ? undefined
      : tryOpenat2(base, path, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
  if (before === undefined || before < 0) {
    yield { kind: 'A', path, node }
    return
  }
  try {
    yield { kind: isSame(status, live, before) ? 'same' : 'C', path, node }
    if ((status.mode & fileTypes.mask) === fileTypes.directory) yield* compareFolder(tree, base, path)
  } finally {
    closeSync(before)
  }
}

function isSame(now: FileStatus, live: TreeNode, before: number): boolean {
  const was = statx(before, '')
  const isFolder = (now.mode & fileTypes.mask) === fileTypes.directory
  if (now.mode !== was.mode || now.uid !== was.uid || now.gid !== was.gid || now.mtime !== was.mtime)
    return false
  if (!isFolder && now.size !== was.size) return false
  if (now.major !== was.major || now.minor !== was.minor) return false
  const handle = openat2(live.folder, live.name, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
  try {
    if (
      (now.mode & fileTypes.mask) === fileTypes.symlink &&
      !readlinkat(handle, '').equals(readlinkat(before, ''))
    )
      return false
    return xattrText(handle) === xattrText(before)
  } finally {
    closeSync(handle)
  }
}

function xattrText(handle: number): string {
  return [...readXattrs(handle)].map(([name, value]) => `${name}=${value.toString('hex')}`).join('\n')
}

/** What was in a folder and is no more. */
function* compareFolder(tree: number, base: number | undefined, path: string): Generator<Compared> {
  if (base === undefined) return
  const now = new Set(namesOf(tree, path))
  for (const name of namesOf(base, path))
    if (!now.has(name)) yield { kind: 'D', path: path === '' ? name : `${path}/${name}` }
}

function namesOf(tree: number, path: string): string[] {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const folder = tryOpenat2(tree, path === '' ? '.' : path, flags, resolveFlags.beneath)
  if (folder < 0) return []
  try {
    return readFolder(folder).map(({ name }) => name)
  } finally {
    closeSync(folder)
  }
}
