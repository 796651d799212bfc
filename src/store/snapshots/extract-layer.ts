import { closeSync, constants, fchmodSync, fchownSync, ftruncateSync, openSync, readlinkSync } from 'node:fs'
import { basename } from 'node:path/posix'
import {
  fchmodat,
  fchownat,
  linkat,
  makeDevice,
  mkdirat,
  mknodat,
  symlinkat,
  utimensat,
} from '../../linux/at.ts'
import { copyRange } from '../../linux/copy-range.ts'
import { openat2, openFlags, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { removeChildren, removeTree } from '../../linux/remove-tree.ts'
import { type FileStatus, fileTypes, findStatus, statx } from '../../linux/statx.ts'
import { inUserNamespace } from '../../linux/user-namespace.ts'
import { setXattr } from '../../linux/xattr.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { timeSlice } from '../../util/time-slice.ts'
import type { StoredEntry } from '../layers/stored-entry.ts'
import { OpenFolders, parentOf } from './open-folders.ts'

export interface LayerExtraction {
  readonly entries: readonly StoredEntry[]
  /** The layer's uncompressed tar. */
  readonly tar: string
  /** A folder that shows exactly what lies below the layer: empty, a copy, or an overlay mount. */
  readonly target: string
  readonly signal?: AbortSignal | undefined
}

/**
 * Applies a layer to the merged tree in `target`. Nothing outside `target` is touched whatever the entries say: all
 * work is by handles of folders that the kernel resolved inside it. Hidden files go first, so the result does not
 * depend on the order of markers and files. Folders that the layer does not list keep their metadata; new ones that
 * it does not list are 0755 root, time 0.
 */
export async function extractLayer({ entries, tar, target, signal }: LayerExtraction): Promise<void> {
  using extraction = new Extraction(tar, target)
  const slice = timeSlice(signal)
  for (const entry of entries)
    if (entry.type === 'whiteout' || entry.type === 'opaque') extraction.hide(entry)
  for (const entry of entries) {
    if (entry.type !== 'whiteout' && entry.type !== 'opaque') extraction.add(entry)
    await slice.pause()
  }
  extraction.setFolderTimes()
}

class Extraction implements Disposable {
  readonly #tar: number
  readonly #root: number
  readonly #rootPath: string
  readonly #folders: OpenFolders
  /** Real path below the root -> time that the folder must have at the end. */
  readonly #times = new Map<string, bigint>()

  constructor(tar: string, target: string) {
    this.#tar = openSync(tar, 'r')
    this.#root = openSync(target, constants.O_RDONLY | constants.O_DIRECTORY)
    this.#rootPath = this.#realPath(this.#root)
    this.#folders = new OpenFolders(this.#root, (_, descriptor, made) => {
      const real = this.#realPath(descriptor)
      if (!this.#times.has(real)) this.#times.set(real, made ? 0n : statx(descriptor, '').mtime)
    })
  }

  [Symbol.dispose](): void {
    this.#folders[Symbol.dispose]()
    closeSync(this.#root)
    closeSync(this.#tar)
  }

  hide(entry: StoredEntry): void {
    if (entry.type === 'opaque') {
      const folder = this.#folders.find(entry.path)
      if (folder !== undefined) removeChildren(folder)
    } else {
      const parent = this.#folders.find(parentOf(entry.path))
      if (parent !== undefined) removeTree(parent, basename(entry.path))
    }
    this.#folders.forget()
  }

  add(entry: StoredEntry): void {
    if (entry.path === '') {
      this.#setMetadata(this.#root, entry)
      this.#times.set(this.#rootPath, entry.mtime)
      return
    }
    const name = basename(entry.path)
    const above = parentOf(entry.path)
    if (this.#tryAdd(this.#folders.make(above), name, entry)) return
    // the name is taken: a later entry wins, whatever the kinds
    if (this.#clear(this.#folders.make(above), name, entry)) return
    if (!this.#tryAdd(this.#folders.make(above), name, entry))
      throw failure('LAYER_PATH_INVALID', { path: entry.path, reason: 'it came back while it was replaced' })
  }

  setFolderTimes(): void {
    const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
    for (const [real, mtime] of this.#times) {
      const path = real === this.#rootPath ? '.' : real.slice(this.#rootPath.length + 1)
      const descriptor = tryOpenat2(this.#root, path, constants.O_RDONLY | constants.O_DIRECTORY, resolve)
      // replaced by something else meanwhile
      if (descriptor < 0) continue
      utimensat(descriptor, '', mtime, mtime)
      closeSync(descriptor)
    }
  }

  #realPath(descriptor: number): string {
    return readlinkSync(`/proc/self/fd/${String(descriptor)}`, 'latin1')
  }

  /** Makes way for `entry`; true when what is there already is what the entry asks for. */
  #clear(parent: number, name: string, entry: StoredEntry): boolean {
    const existing = statx(parent, name)
    if (entry.type === 'directory' && (existing.mode & fileTypes.mask) === fileTypes.directory) {
      this.#finishFolder(parent, name, entry)
      return true
    }
    if (entry.type === 'hardlink' && this.#isSameInode(existing, entry)) return true
    removeTree(parent, name)
    // handles below a replaced folder, or reached through a replaced link, are of what is gone
    if ((existing.mode & fileTypes.mask) !== fileTypes.file) this.#folders.forget()
    return false
  }

  /** False when the name is taken. */
  #tryAdd(parent: number, name: string, entry: StoredEntry): boolean {
    try {
      if (entry.type === 'file') this.#addFile(parent, name, entry)
      else if (entry.type === 'hardlink') this.#addLink(parent, name, entry)
      else if (entry.type === 'directory') {
        mkdirat(parent, name, 0o700)
        this.#finishFolder(parent, name, entry)
      } else this.#addSpecial(parent, name, entry)
      return true
    } catch (error) {
      if (isMilleError(error, 'PATH_EXISTS')) return false
      throw error
    }
  }

  #finishFolder(parent: number, name: string, entry: StoredEntry): void {
    const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
    const descriptor = openat2(parent, name, constants.O_RDONLY | constants.O_DIRECTORY, resolve)
    try {
      this.#setMetadata(descriptor, entry)
      this.#times.set(this.#realPath(descriptor), entry.mtime)
    } finally {
      closeSync(descriptor)
    }
  }

  #addFile(parent: number, name: string, entry: StoredEntry): void {
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const file = openat2(parent, name, flags, resolveFlags.beneath | resolveFlags.noSymlinks, 0o600)
    try {
      let end = 0
      for (const { at, offset, length } of entry.ranges) {
        const copied = copyRange({ from: this.#tar, to: file, offset, toOffset: at, length })
        if (copied !== length)
          throw failure('LAYER_PATH_INVALID', { path: entry.path, reason: 'the tar ends inside its content' })
        end = at + length
      }
      if (end < entry.size) ftruncateSync(file, entry.size)
      this.#setMetadata(file, entry)
      utimensat(file, '', entry.mtime, entry.mtime)
    } finally {
      closeSync(file)
    }
  }

  #addSpecial(parent: number, name: string, entry: StoredEntry): void {
    // the kernel makes none there (user_namespaces(7)); containers have a /dev of their own
    if (inUserNamespace() && (entry.type === 'char' || entry.type === 'block')) return
    if (entry.type === 'symlink') symlinkat(entry.linkTarget, parent, name)
    else if (entry.type === 'fifo') mknodat(parent, name, fileTypes.fifo | 0o600)
    else if (entry.type === 'char' || entry.type === 'block')
      mknodat(parent, name, fileTypes[entry.type] | 0o600, makeDevice(entry.major, entry.minor))
    fchownat(parent, name, entry.uid, entry.gid)
    if (entry.type !== 'symlink') fchmodat(parent, name, entry.mode)
    if (entry.xattrs.size > 0) this.#setSpecialXattrs(parent, name, entry)
    utimensat(parent, name, entry.mtime, entry.mtime)
  }

  #setSpecialXattrs(parent: number, name: string, entry: StoredEntry): void {
    const descriptor = openat2(parent, name, openFlags.path | constants.O_NOFOLLOW, resolveFlags.beneath)
    try {
      for (const [key, value] of entry.xattrs) setXattr(descriptor, key, value)
    } finally {
      closeSync(descriptor)
    }
  }

  #addLink(parent: number, name: string, entry: StoredEntry): void {
    const folder = this.#openTargetFolder(entry)
    try {
      linkat(folder, basename(entry.linkTarget), parent, name)
    } catch (error) {
      if (!isMilleError(error, 'PATH_NOT_FOUND', 'PATH_PERMISSION')) throw error
      throw failure('LAYER_LINK_TARGET', { path: entry.path, target: entry.linkTarget }, { cause: error })
    } finally {
      closeSync(folder)
    }
  }

  #isSameInode(existing: FileStatus, entry: StoredEntry): boolean {
    const folder = this.#openTargetFolder(entry)
    try {
      const target = findStatus(folder, basename(entry.linkTarget))
      if (target === undefined || (target.mode & fileTypes.mask) === fileTypes.directory)
        throw failure('LAYER_LINK_TARGET', { path: entry.path, target: entry.linkTarget })
      return target.inode === existing.inode && target.device === existing.device
    } finally {
      closeSync(folder)
    }
  }

  /** Resolved inside the root, not made: a hard link needs something that is there. */
  #openTargetFolder(entry: StoredEntry): number {
    const above = parentOf(entry.linkTarget)
    const flags = constants.O_RDONLY | constants.O_DIRECTORY
    const resolve = resolveFlags.inRoot | resolveFlags.noMagicLinks
    const descriptor = tryOpenat2(this.#root, above === '' ? '.' : above, flags, resolve)
    if (descriptor < 0) throw failure('LAYER_LINK_TARGET', { path: entry.path, target: entry.linkTarget })
    return descriptor
  }

  /** Owner before mode (chown clears setuid), capabilities after the owner (chown drops them). */
  #setMetadata(descriptor: number, entry: StoredEntry): void {
    fchownSync(descriptor, entry.uid, entry.gid)
    fchmodSync(descriptor, entry.mode)
    for (const [name, value] of entry.xattrs) setXattr(descriptor, name, value)
  }
}
