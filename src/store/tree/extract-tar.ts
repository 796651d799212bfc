import { chmodSync, closeSync, constants, fchmodSync, fchownSync, writeSync } from 'node:fs'
import { posix } from 'node:path'
import type { Readable } from 'node:stream'
import {
  fchownat,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  symlinkat,
  tryUnlinkat,
  utimensat,
} from '../../linux/at.ts'
import { currentFolder, openat2, openFlags, resolveFlags } from '../../linux/openat2.ts'
import { fileTypes, findStatus, statx } from '../../linux/statx.ts'
import { setXattr } from '../../linux/xattr.ts'
import { checkLayerEntry } from '../../tar/check-entry.ts'
import type { TarEntry } from '../../tar/entry.ts'
import { readTar, type TarMember } from '../../tar/read-tar.ts'
import { failure, isMilleError } from '../../util/errors.ts'

export interface ExtractOptions {
  /** Members keep their owners, instead of being root's. */
  readonly copyOwner: boolean
  /** The folder itself takes owner, mode and time of the tar's own top folder. */
  readonly withTop?: boolean
  /** Devices are refused: LAYER_DEVICE_INVALID. */
  readonly refuseDevices?: boolean
}

/** Where members go: `base` as a process with `root` as its root folder sees it. */
interface Target extends ExtractOptions {
  readonly root: number
  readonly base: string
}

/**
 * Unpacks a tar below `path` in `root`. Every member's folder is opened by handle, resolved inside the root: no link in
 * the container, however it is swapped meanwhile, leads outside (C-R9, C-A5). What is there is replaced, except that a
 * folder is never replaced by something else, nor the other way round (CP_KIND_CHANGE). Folders that the tar does not
 * name are made.
 */
export async function extractTar(
  tar: AsyncIterable<Buffer>,
  root: string,
  path: string,
  options: ExtractOptions,
): Promise<void> {
  const handle = openat2(currentFolder, root, openFlags.path | constants.O_DIRECTORY, 0)
  const target: Target = { ...options, root: handle, base: posix.join('/', path) }
  const folderTimes: { readonly path: string; readonly mtime: bigint }[] = []
  let top: TarEntry | undefined
  try {
    for await (const member of readTar(tar)) {
      const checked = checkMember(member.entry)
      if (checked === '') {
        top = member.entry
        continue
      }
      await extractMember(target, member, checked)
      if (member.entry.type === 'directory') folderTimes.push({ path: checked, mtime: member.entry.mtime })
    }
    // children change their folder's time: set last, deepest first
    for (const folder of folderTimes.toReversed()) setTime(target, folder.path, folder.mtime)
    if (options.withTop === true && top !== undefined) setTop(target, top)
  } finally {
    closeSync(handle)
  }
}

/** The clean path. Names that are whiteouts in layers are ordinary names here: the marker is hidden from the check. */
function checkMember(entry: TarEntry): string {
  const path = entry.path.replaceAll('.wh.', 'xwhx')
  const { path: clean } = checkLayerEntry({ ...entry, path })
  return path === entry.path
    ? clean
    : posix.normalize(posix.join('/', entry.path)).slice(1).replace(/\/$/, '')
}

function openParent(target: Target, path: string): number {
  return openBelow(target, posix.dirname(path))
}

function openBelow({ root, base }: Target, path: string): number {
  return openat2(
    root,
    posix.join(base, path),
    constants.O_RDONLY | constants.O_DIRECTORY,
    resolveFlags.inRoot | resolveFlags.noMagicLinks,
  )
}

/** A tar need not name the folders of its members. Those are root's, 0755. */
function openOrMakeFolder(target: Target, path: string): number {
  try {
    return openBelow(target, path)
  } catch (error) {
    if (path === '.' || !isMilleError(error, 'PATH_NOT_FOUND')) throw error
  }
  const parent = openOrMakeFolder(target, posix.dirname(path))
  try {
    makeFolder(parent, posix.basename(path))
  } finally {
    closeSync(parent)
  }
  return openBelow(target, path)
}

function makeFolder(parent: number, name: string): void {
  mkdirat(parent, name, 0o755)
  // by handle: the name may lead elsewhere by now (C-A5)
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const folder = openat2(parent, name, flags, resolveFlags.beneath)
  try {
    fchownSync(folder, 0, 0)
    // not what the umask or a setgid bit above makes of it
    fchmodSync(folder, 0o755)
  } finally {
    closeSync(folder)
  }
}

async function extractMember(target: Target, { entry, body }: TarMember, path: string): Promise<void> {
  const parent = openOrMakeFolder(target, posix.dirname(path))
  const name = posix.basename(path)
  try {
    if (!makeRoom(parent, name, entry, path)) return setMetadata(target, parent, name, entry)
    switch (entry.type) {
      case 'directory':
        mkdirat(parent, name, 0o700)
        break
      case 'symlink':
        symlinkat(entry.linkTarget ?? '', parent, name)
        break
      case 'hardlink':
        return linkMember(target, entry, parent, name)
      case 'file':
        await writeFile(parent, name, body)
        break
      default: {
        const { major = 0, minor = 0 } = entry.device ?? {}
        if (target.refuseDevices === true && entry.type !== 'fifo')
          throw failure('LAYER_DEVICE_INVALID', { path, device: `${major}:${minor}` })
        const kind = fileTypes[entry.type]
        mknodat(parent, name, kind | entry.mode, makeDevice(major, minor))
      }
    }
    setMetadata(target, parent, name, entry)
  } finally {
    closeSync(parent)
  }
}

/** False when a folder is there already and stays. */
function makeRoom(parent: number, name: string, entry: TarEntry, path: string): boolean {
  const there = findStatus(parent, name)
  if (!there) return true
  const isFolder = (there.mode & fileTypes.mask) === fileTypes.directory
  if (isFolder && entry.type === 'directory') return false
  if (isFolder || entry.type === 'directory') throw failure('CP_KIND_CHANGE', { path })
  tryUnlinkat(parent, name)
  return true
}

function linkMember(target: Target, entry: TarEntry, parent: number, name: string): void {
  const { linkTarget = '', ...rest } = entry
  const first = checkMember({ ...rest, type: 'file', path: linkTarget })
  const folder = openParent(target, first)
  try {
    linkat(folder, posix.basename(first), parent, name)
  } finally {
    closeSync(folder)
  }
}

async function writeFile(parent: number, name: string, body: Readable): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const handle = openat2(parent, name, flags, resolveFlags.beneath, 0o600)
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length;) at += writeSync(handle, chunk, at)
    }
  } finally {
    closeSync(handle)
  }
}

/** Owner before mode: chown clears setuid bits. A symbolic link has no mode and no attributes of its own. */
function setMetadata({ copyOwner }: Target, parent: number, name: string, entry: TarEntry): void {
  fchownat(parent, name, copyOwner ? entry.uid : 0, copyOwner ? entry.gid : 0)
  if (entry.type !== 'symlink') setModeAndXattrs(parent, name, entry)
  utimensat(parent, name, entry.mtime, entry.mtime)
}

/** By handle: a process of the container may have put a link in the place of what was made (C-A5). It gets nothing. */
function setModeAndXattrs(parent: number, name: string, { mode, xattrs }: TarEntry): void {
  const handle = openat2(parent, name, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
  try {
    if ((statx(handle, '').mode & fileTypes.mask) === fileTypes.symlink) return
    // fchmod(2) takes no O_PATH handle
    chmodSync(`/proc/self/fd/${handle}`, mode)
    for (const [key, value] of xattrs ?? []) {
      // written into an upper folder of overlayfs these would hide or re-route files
      if (!/^(trusted|user)\.overlay\./.test(key)) setXattr(handle, key, value)
    }
  } finally {
    closeSync(handle)
  }
}

function setTop(target: Target, { uid, gid, mode, mtime }: TarEntry): void {
  const folder = openBelow(target, '.')
  try {
    if (target.copyOwner) fchownSync(folder, uid, gid)
    fchmodSync(folder, mode)
    utimensat(folder, '', mtime, mtime)
  } finally {
    closeSync(folder)
  }
}

function setTime(target: Target, path: string, mtime: bigint): void {
  const parent = openParent(target, path)
  utimensat(parent, posix.basename(path), mtime, mtime)
  closeSync(parent)
}
