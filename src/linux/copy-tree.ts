import { closeSync, constants, fstatSync } from 'node:fs'
import { isMilleError } from '../util/errors.ts'
import {
  fchmodat,
  fchownat,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  readlinkat,
  symlinkat,
  utimensat,
} from './at.ts'
import { copyRange } from './copy-range.ts'
import { openat2, openFolder, openFlags, resolveFlags } from './openat2.ts'
import { openPathInRoot } from './open-in-root.ts'
import { fileTypes, statx, type FileStatus } from './statx.ts'
import { walkTree } from './walk-tree.ts'
import { getXattr, listXattrs, setXattr } from './xattr.ts'
import { decodeBytes } from '../util/byte-string.ts'

/**
 * Copies what lies in `path` inside `root` into the folder `destination`, with owners, modes, times, attributes and
 * hard links; the destination folder itself takes the source folder's metadata. `path` is resolved as inside a chroot:
 * a link to a folder of the host copies nothing of the host. Does nothing when `path` is missing or no folder.
 */
export function copyTreeIntoFolder(root: string, path: string, destination: string): void {
  const source = openSourceFolder(root, path)
  if (source === undefined) return
  const target = openFolder(destination)
  try {
    copyChildren(source, target)
    copyMetadata(source, '', target, '', statx(source, ''))
  } finally {
    closeSync(source)
    closeSync(target)
  }
}

function openSourceFolder(root: string, path: string): number | undefined {
  let handle: number
  try {
    handle = openPathInRoot(root, path)
  } catch (error) {
    if (isMilleError(error, 'PATH_NOT_FOUND', 'PATH_NOT_DIRECTORY', 'PATH_LOOP')) return undefined
    throw error
  }
  try {
    if (!fstatSync(handle).isDirectory()) return undefined
    return openFolder(`/proc/self/fd/${handle}`)
  } finally {
    closeSync(handle)
  }
}

function copyChildren(source: number, target: number): void {
  const links = new Map<string, string>()
  const folders: { readonly path: string; readonly status: FileStatus }[] = []
  for (const { path, folder, name, status } of walkTree(source)) {
    const place = openParent(target, path)
    try {
      const key = `${status.device}:${status.inode}`
      const first = status.links > 1 ? links.get(key) : undefined
      const isFolder = (status.mode & fileTypes.mask) === fileTypes.directory
      if (first !== undefined && !isFolder) {
        linkFirst(target, first, place, name)
        continue
      }
      if (!createNode(folder, name, place, status)) continue
      links.set(key, path)
      if (isFolder) folders.push({ path, status })
      copyMetadata(folder, name, place, name, status)
    } finally {
      closeSync(place)
    }
  }
  // children change their folder's times: those are set last
  for (const { path, status } of folders.toReversed()) {
    const place = openParent(target, path)
    utimensat(place, lastPart(path), status.mtime, status.mtime)
    closeSync(place)
  }
}

const lastPart = (path: string): string => path.slice(path.lastIndexOf('/') + 1)

function openParent(target: number, path: string): number {
  const slash = path.lastIndexOf('/')
  const flags = constants.O_RDONLY | constants.O_DIRECTORY
  return openat2(
    target,
    slash < 0 ? '.' : path.slice(0, slash),
    flags,
    resolveFlags.beneath | resolveFlags.noSymlinks,
  )
}

function linkFirst(target: number, first: string, place: number, name: string): void {
  const folder = openParent(target, first)
  try {
    linkat(folder, lastPart(first), place, name)
  } finally {
    closeSync(folder)
  }
}

/** False for what is not copied: sockets belong to a process that is not there. */
function createNode(folder: number, name: string, place: number, status: FileStatus): boolean {
  const kind = status.mode & fileTypes.mask
  if (kind === fileTypes.socket) return false
  if (kind === fileTypes.directory) mkdirat(place, name, 0o700)
  else if (kind === fileTypes.symlink) symlinkat(decodeBytes(readlinkat(folder, name)), place, name)
  else if (kind === fileTypes.file) copyFile(folder, name, place, status)
  else mknodat(place, name, status.mode, makeDevice(status.major, status.minor))
  return true
}

function copyFile(folder: number, name: string, place: number, status: FileStatus): void {
  const from = openat2(folder, name, constants.O_RDONLY | constants.O_NOFOLLOW, resolveFlags.beneath)
  const to = openat2(
    place,
    name,
    constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL,
    resolveFlags.beneath,
    0o600,
  )
  try {
    copyRange({ from, to, offset: 0, length: status.size })
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

/** Owner before mode, because chown clears setuid bits; attributes before times. An empty name means the handle itself. */
function copyMetadata(folder: number, name: string, place: number, placed: string, status: FileStatus): void {
  fchownat(place, placed, status.uid, status.gid)
  const isLink = (status.mode & fileTypes.mask) === fileTypes.symlink
  if (!isLink) fchmodat(place, placed === '' ? '.' : placed, status.mode & 0o7777)
  if (!isLink) copyXattrs(folder, name, place, placed)
  utimensat(place, placed === '' ? '.' : placed, status.mtime, status.mtime)
}

function copyXattrs(folder: number, name: string, place: number, placed: string): void {
  const from = openHandle(folder, name)
  const to = openHandle(place, placed)
  try {
    for (const key of listXattrs(from)) {
      // overlayfs keeps its own state in these: they mean something else, or harm, in another place
      if (key.startsWith('trusted.overlay.') || key.startsWith('user.overlay.')) continue
      const value = getXattr(from, key)
      if (value) setXattr(to, key, value)
    }
  } finally {
    closeSync(from)
    closeSync(to)
  }
}

function openHandle(folder: number, name: string): number {
  return openat2(folder, name === '' ? '.' : name, openFlags.path | constants.O_NOFOLLOW, 0)
}
