import { closeSync, constants } from 'node:fs'
import { openFlags, openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { readFolder } from '../../linux/read-folder.ts'
import { birthTime, fileTypes, statx } from '../../linux/statx.ts'
import { type TreeNode, walkTree } from '../../linux/walk-tree.ts'
import { isSameObject } from './same-object.ts'
import type { TreeChange } from './upper-changes.ts'

/**
 * What differs between a whole tree and the one it was copied from: as `upperChanges`, for snapshots without overlays.
 * `copied`: nothing of the tree was made or changed between the end of copying and this time; what was not since is not
 * looked at. A folder that was made since hides, as an opaque one, what another of its name had below.
 */
export function* treeChanges(
  tree: number,
  base: number | undefined,
  copied: bigint | undefined,
): Generator<TreeChange> {
  const all = [...compareFolder(tree, base, '')]
  let fresh: string | undefined
  for (const node of walkTree(tree)) {
    if (fresh !== undefined && !node.path.startsWith(`${fresh}/`)) fresh = undefined
    const compared = compareNode(node, { tree, base: fresh === undefined ? base : undefined, copied })
    all.push(...compared)
    if (compared[0]?.opaque === true) fresh = node.path
  }
  // a folder in which something changed is told even where it looks the same itself
  const changed = new Set(all.filter(({ kind }) => kind !== 'same').flatMap(({ path }) => parentsOf(path)))
  for (const one of all.sort((a, b) => (key(a.path) < key(b.path) ? -1 : 1))) {
    const { kind, path, node } = one
    if (kind !== 'same') yield { ...one, kind }
    else if (node !== undefined && changed.has(path)) yield { kind: 'C', path, node }
  }
}

interface Compared {
  readonly kind: TreeChange['kind'] | 'same'
  readonly path: string
  readonly node?: TreeNode
  readonly opaque?: true
}

interface Trees {
  readonly tree: number
  readonly base: number | undefined
  readonly copied: bigint | undefined
}

const key = (path: string): string => path.replaceAll('/', '\0')

function parentsOf(path: string): string[] {
  const parts = path.split('/')
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join('/'))
}

/** The node itself first, then what is missing in it. */
function compareNode(live: TreeNode, { tree, base, copied }: Trees): Compared[] {
  // the walk's handle of the folder is closed before this is told
  const node = { ...live, folder: -1 }
  const { path, status } = node
  const before = base === undefined ? -1 : tryOpenat2(base, path, handleFlags, resolveFlags.beneath)
  if (before < 0) return [{ kind: 'A', path, node }]
  try {
    const isFolder = (status.mode & fileTypes.mask) === fileTypes.directory
    if (!isFolder) return [{ kind: isSame(live, before, copied) ? 'same' : 'C', path, node }]
    const missing = [...compareFolder(tree, base, path)]
    const wasFolder = (statx(before, '').mode & fileTypes.mask) === fileTypes.directory
    if (!wasFolder || isBornAfter(live, copied)) return [{ kind: 'C', path, node, opaque: true }, ...missing]
    return [{ kind: isSame(live, before, copied) ? 'same' : 'C', path, node }, ...missing]
  } finally {
    closeSync(before)
  }
}

const handleFlags = openFlags.path | constants.O_NOFOLLOW

/** Where the file system keeps no such times, a folder counts as the one that was copied. */
function isBornAfter({ folder, name }: TreeNode, copied: bigint | undefined): boolean {
  const born = birthTime(folder, name)
  return copied !== undefined && born !== undefined && born > copied
}

/** Whatever happens to an inode changes its ctime, which nobody can set. */
function isSame({ folder, name, status }: TreeNode, before: number, copied: bigint | undefined): boolean {
  if (copied !== undefined && status.ctime <= copied) return true
  const handle = openat2(folder, name, handleFlags, resolveFlags.beneath)
  try {
    return isSameObject(handle, status, before)
  } finally {
    closeSync(handle)
  }
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
