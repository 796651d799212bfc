import { closeSync, constants } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { openFlags, openat2, resolveFlags } from '../../linux/openat2.ts'
import { type FileStatus, fileTypes, statx } from '../../linux/statx.ts'
import { decodeBytes } from '../../util/byte-string.ts'
import type { LayerEntry } from '../store.ts'
import type { RootMetadata } from './dependencies.ts'
import { readXattrs } from './object-xattrs.ts'
import type { TreeChange } from './upper-changes.ts'

export interface ChangedTree {
  /** Handle of the folder that holds what the changes name. */
  readonly tree: number
  /** Metadata that the root had when the snapshot was made. */
  readonly root: RootMetadata
  /** The time that the layer's tar carries for an object last changed at `mtime` (both nanoseconds). */
  readonly tarTime: (mtime: bigint) => bigint
  readonly warn: (message: string) => void
}

type Node = Pick<LayerEntry, 'path' | 'mode' | 'uid' | 'gid' | 'mtime' | 'localMtime' | 'xattrs'>

const typeNames: ReadonlyMap<number, 'file' | 'directory' | 'symlink' | 'char' | 'block' | 'fifo'> = new Map([
  [fileTypes.file, 'file'],
  [fileTypes.directory, 'directory'],
  [fileTypes.symlink, 'symlink'],
  [fileTypes.char, 'char'],
  [fileTypes.block, 'block'],
  [fileTypes.fifo, 'fifo'],
])

/**
 * The entries of a layer that makes these changes: changed objects whole, whiteouts
 * for what is gone, opaque markers. A second name of one inode becomes a hard link. Sockets are left out with a
 * warning: they belong to a process. Files are opened below the handle when they are read: a container that is still
 * running cannot lead the reader outside.
 */
export function* changeEntries(changes: Iterable<TreeChange>, request: ChangedTree): Generator<LayerEntry> {
  const links = new Map<bigint, string>()
  const root = changedRoot(request)
  if (root !== undefined) yield root
  for (const change of changes) {
    if (change.node === undefined) {
      yield { path: change.path, type: 'whiteout', mode: 0, uid: 0, gid: 0, mtime: request.tarTime(0n) }
      continue
    }
    const entry = entryOf(request, change.path, change.node.status, links)
    if (entry !== undefined) yield entry
    if (change.opaque === true)
      yield { path: change.path, type: 'opaque', mode: 0, uid: 0, gid: 0, mtime: request.tarTime(0n) }
  }
}

/** A write in the root changes its time, which says nothing; a new owner or mode is a change. */
function changedRoot(request: ChangedTree): LayerEntry | undefined {
  const status = statx(request.tree, '')
  const { root } = request
  if ((status.mode & 0o7777) === root.mode && status.uid === root.uid && status.gid === root.gid)
    return undefined
  return { ...common(request, '', status), type: 'directory' }
}

function entryOf(
  request: ChangedTree,
  path: string,
  status: FileStatus,
  links: Map<bigint, string>,
): LayerEntry | undefined {
  const type = typeNames.get(status.mode & fileTypes.mask)
  if (type === undefined) {
    request.warn(`${path}: a socket cannot be part of a layer; left out`)
    return undefined
  }
  const entry = common(request, path, status)
  if (type === 'directory' || type === 'fifo') return { ...entry, type }
  const first = links.get(status.inode)
  if (first !== undefined) return { ...entry, type: 'hardlink', linkTarget: first }
  if (status.links > 1) links.set(status.inode, path)
  if (type === 'symlink') return { ...entry, type, linkTarget: readTarget(request.tree, path) }
  if (type !== 'file') return { ...entry, type, device: { major: status.major, minor: status.minor } }
  const open = (): number => openBeneath(request.tree, path, constants.O_RDONLY | constants.O_NONBLOCK)
  return { ...entry, type, size: status.size, body: { kind: 'descriptor', open } }
}

function common({ tree, tarTime }: ChangedTree, path: string, status: FileStatus): Node {
  const mtime = tarTime(status.mtime)
  const xattrs = withHandle(tree, path, readXattrs)
  return {
    path,
    mode: status.mode & 0o7777,
    uid: status.uid,
    gid: status.gid,
    mtime,
    ...(mtime === status.mtime ? {} : { localMtime: status.mtime }),
    ...(xattrs.size === 0 ? {} : { xattrs }),
  }
}

function readTarget(tree: number, path: string): string {
  return withHandle(tree, path, (handle) => decodeBytes(readlinkat(handle, '')))
}

function withHandle<Result>(tree: number, path: string, use: (handle: number) => Result): Result {
  const handle = openBeneath(tree, path === '' ? '.' : path, openFlags.path)
  try {
    return use(handle)
  } finally {
    closeSync(handle)
  }
}

function openBeneath(tree: number, path: string, flags: number): number {
  const resolve = resolveFlags.beneath | resolveFlags.noCrossDevice
  return openat2(tree, path, flags | constants.O_NOFOLLOW, resolve)
}
