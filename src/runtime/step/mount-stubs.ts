import { closeSync, constants } from 'node:fs'
import { posix } from 'node:path'
import { fchmodat, mkdirat, mknodat, unlinkat, utimensat } from '../../linux/at.ts'
import { openFlags, openFolder, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes, findStatus, statx, type FileStatus } from '../../linux/statx.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { resolveInRoot } from '../working-folder.ts'

/** Where something will be mounted, as the container sees it, and what it is. */
export interface MountPoint {
  readonly target: string
  readonly isFolder: boolean
}

interface Stub {
  /** Below the root, no part a link. */
  readonly folder: string
  readonly name: string
  readonly inode: bigint
  /** Of the folder, before the stub was made. */
  readonly mtime: bigint
}

/**
 * Makes the mount points that are missing in `rootfs`. `remove` takes those away again that are still what was made and
 * still empty, and gives their folders' times back, so that a step's layer does not depend on how it was run. What the
 * step put in their place, or into them, is a result and stays.
 */
export function makeMountStubs(rootfs: string, points: readonly MountPoint[]): { remove(): void } {
  const stubs: Stub[] = []
  const root = openFolder(rootfs)
  try {
    const placed = points.map(({ target, isFolder }) => ({ path: resolveInRoot(rootfs, target), isFolder }))
    for (const { path, isFolder } of placed) {
      // below another mount nothing of the root shows: the runtime makes it there
      const isHidden = placed.some((other) => path.startsWith(`${other.path}/`))
      if (!isHidden) stubs.push(...makeStubs(root, path, isFolder))
    }
  } catch (error) {
    for (const stub of stubs.toReversed()) removeStub(root, stub)
    throw error
  } finally {
    closeSync(root)
  }
  return {
    remove() {
      const folder = openFolder(rootfs)
      try {
        for (const stub of stubs.toReversed()) removeStub(folder, stub)
      } finally {
        closeSync(folder)
      }
    },
  }
}

/** Shallow to deep: `/a/b/c` may need three of them. MOUNT_TARGET_BLOCKED where a file stands in the way of a folder. */
function makeStubs(root: number, path: string, isFolder: boolean): Stub[] {
  const parts = path.split('/').filter(Boolean)
  return parts.flatMap((name, index) => {
    const folder = parts.slice(0, index).join('/')
    const parent = openBeneath(root, folder)
    if (parent === undefined)
      throw failure('MOUNT_TARGET_BLOCKED', { target: path, reason: `/${folder} is no folder` })
    const isLast = index === parts.length - 1
    try {
      const wantsFolder = isFolder || !isLast
      const status = findStatus(parent, name)
      if (status !== undefined) {
        const isThere = (status.mode & fileTypes.mask) === fileTypes.directory
        if (isThere === wantsFolder) return []
        const reason = isThere
          ? 'it is a folder, and a file is to be mounted'
          : `it is no folder${isLast ? ', and one is to be mounted' : ''}`
        throw failure('MOUNT_TARGET_BLOCKED', { target: `/${parts.slice(0, index + 1).join('/')}`, reason })
      }
      const { mtime } = statx(parent, '')
      if (wantsFolder) mkdirat(parent, name, 0o755)
      else mknodat(parent, name, fileTypes.file | 0o644)
      // the umask of whoever builds must not show
      fchmodat(parent, name, wantsFolder ? 0o755 : 0o644)
      return [{ folder, name, inode: statx(parent, name).inode, mtime }]
    } finally {
      closeSync(parent)
    }
  })
}

/**
 * Through no link: a step that moved its mount point's folder away and left a link to `/etc` there would else have the
 * host's files removed (CVE-2024-23652).
 */
function removeStub(root: number, { folder, name, inode, mtime }: Stub): void {
  const parent = openBeneath(root, folder)
  if (parent === undefined) return
  try {
    const status = findStatus(parent, name)
    if (status === undefined || status.inode !== inode || !removeEmpty(parent, name, status)) return
    utimensat(parent, '.', mtime, mtime)
  } finally {
    closeSync(parent)
  }
}

function removeEmpty(parent: number, name: string, { mode, size }: FileStatus): boolean {
  const type = mode & fileTypes.mask
  if (type !== fileTypes.directory && (type !== fileTypes.file || size > 0)) return false
  try {
    unlinkat(parent, name, { directory: type === fileTypes.directory })
    return true
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_EMPTY')) return false
    throw error
  }
}

function openBeneath(root: number, path: string): number | undefined {
  const flags = openFlags.path | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
  const descriptor = tryOpenat2(root, path === '' ? '.' : path, flags, resolve)
  return descriptor < 0 ? undefined : descriptor
}

export function pointsOf(paths: readonly string[]): MountPoint[] {
  return paths.map((path) => ({ target: posix.resolve('/', path), isFolder: true }))
}
