import { closeSync, constants, fchmodSync, fchownSync, fstatSync, statSync, writeSync } from 'node:fs'
import {
  fchmodat,
  fchownat,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  renameat2,
  renameFlags,
  symlinkat,
} from '../../linux/at.ts'
import { copyRange } from '../../linux/copy-range.ts'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { currentFolder, openat2, resolveFlags } from '../../linux/openat2.ts'
import { removeTree } from '../../linux/remove-tree.ts'
import { fileTypes, findStatus } from '../../linux/statx.ts'
import { isMilleError } from '../../util/errors.ts'
import type { ProcessMount, SecretFile } from '../runtime.ts'
import type { Cover } from './covers.ts'

/** /proc and /sys have nothing in them: neither can be mounted, and what the builder itself sees is not for a step. */
export function emptyFolder(target: string, mode: number): Cover {
  return { target, make: (folder, name) => makeFolder(folder, name, mode) }
}

/** The devices that programs expect, made by themselves; source: Linux's Documentation/admin-guide/devices.txt. */
const devices = [
  ['null', 1, 3],
  ['zero', 1, 5],
  ['full', 1, 7],
  ['random', 1, 8],
  ['urandom', 1, 9],
  ['tty', 5, 0],
] as const

const links = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['ptmx', 'pts/ptmx'],
] as const

/**
 * Where no node can be made or used (no CAP_MKNOD, a store mounted nodev) /dev/null is an empty file, which lasts as long as
 * the step, the others are missing, and `onMissing` is called.
 */
export function deviceFolder(onMissing: () => void): Cover {
  return {
    target: '/dev',
    make(folder, name) {
      makeFolder(folder, name, 0o755)
      withFolder(folder, name, (made) => {
        if (!makeDevices(made)) {
          mknodat(made, 'null', fileTypes.file | 0o666)
          fchmodat(made, 'null', 0o666)
          onMissing()
        }
        for (const [link, target] of links) symlinkat(target, made, link)
        makeFolder(made, 'pts', 0o755)
        for (const open of ['shm', 'mqueue']) makeFolder(made, open, 0o1777)
      })
    },
  }
}

function makeDevices(folder: number): boolean {
  try {
    for (const [name, major, minor] of devices) {
      mknodat(folder, name, fileTypes.char | 0o666, makeDevice(major, minor))
      fchmodat(folder, name, 0o666)
    }
    closeSync(openat2(folder, 'null', constants.O_RDWR, 0))
    return true
  } catch (error) {
    if (!isMilleError(error, 'PATH_PERMISSION')) throw error
    for (const [name] of devices) removeTree(folder, name)
    return false
  }
}

/** A file that lies in the root itself as long as the step runs, for there is no memory that the step could see. */
export function secretFile({ target, content, mode, uid, gid }: SecretFile): Cover {
  return {
    target,
    isSecret: true,
    make: (folder, name) =>
      makeFile(folder, name, { mode, uid, gid }, (file) => {
        for (let done = 0; done < content.length;) done += writeSync(file, content, done)
      }),
  }
}

/**
 * A copy of what would be mounted. What is lasting takes the place of its source afterwards, at once and whole. A socket
 * is no copy but another name of the same.
 */
export function mountedCopy(mount: ProcessMount): Cover {
  const { type, source = '', target, lasting = false } = mount
  if (type === 'tmpfs') return emptyFolder(target, modeOption(mount))
  const kind = statSync(source).mode & fileTypes.mask
  return {
    target,
    make: (folder, name) => copyInto(source, kind, folder, name),
    ...(lasting && {
      keep: (folder, name) => {
        const now = findStatus(folder, name)
        // a step that removed its cache and put something else there gets the old one back
        if (now !== undefined && (now.mode & fileTypes.mask) === kind)
          renameat2(folder, name, currentFolder, source, renameFlags.exchange)
      },
    }),
  }
}

function copyInto(source: string, kind: number, folder: number, name: string): void {
  if (kind === fileTypes.socket) return linkat(currentFolder, source, folder, name)
  if (kind === fileTypes.directory) {
    makeFolder(folder, name, 0o700)
    return withFolder(folder, name, (made) => copyTreeIntoFolder(source, '/', `/proc/self/fd/${made}`))
  }
  const from = openat2(currentFolder, source, constants.O_RDONLY | constants.O_NONBLOCK, 0)
  try {
    const { mode, uid, gid, size } = fstatSync(from)
    makeFile(folder, name, { mode: mode & 0o7777, uid, gid }, (file) =>
      copyRange({ from, to: file, offset: 0, length: size }),
    )
  } finally {
    closeSync(from)
  }
}

function modeOption({ options = [] }: ProcessMount): number {
  const word = options.find((option) => option.startsWith('mode='))
  return word === undefined ? 0o1777 : Number.parseInt(word.slice(5), 8)
}

function makeFolder(folder: number, name: string, mode: number): void {
  mkdirat(folder, name, 0o700)
  fchmodat(folder, name, mode)
  fchownat(folder, name, 0, 0)
}

function makeFile(
  folder: number,
  name: string,
  { mode, uid, gid }: { readonly mode: number; readonly uid: number; readonly gid: number },
  fill: (file: number) => void,
): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  const file = openat2(folder, name, flags, resolveFlags.beneath | resolveFlags.noSymlinks, 0o600)
  try {
    fill(file)
    fchownSync(file, uid, gid)
    fchmodSync(file, mode)
  } finally {
    closeSync(file)
  }
}

function withFolder(folder: number, name: string, use: (made: number) => void): void {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const made = openat2(folder, name, flags, resolveFlags.beneath | resolveFlags.noSymlinks)
  try {
    use(made)
  } finally {
    closeSync(made)
  }
}
