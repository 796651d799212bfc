import { closeSync, constants } from 'node:fs'
import { constants as system } from 'node:os'
import { dirname, join } from 'node:path/posix'
import { mkdirat, readlinkat } from '../../linux/at.ts'
import { openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes, findStatus } from '../../linux/statx.ts'
import { systemFailure } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'

const { ENOENT, ENOTDIR, ELOOP } = system.errno
const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY
const mostOpen = 64
/** As the kernel: path_resolution(7). */
const mostLinks = 40

/** Called for each folder that is opened, before anything changes in it; `made` when it did not exist. */
export type FolderSeen = (path: string, descriptor: number, made: boolean) => void

/**
 * Handles of folders below one root, by path. Every walk is done by the kernel inside the root (RESOLVE_IN_ROOT): a
 * link planted by the layer, or a rename racing with us, cannot lead out. The last few dozen stay open.
 */
export class OpenFolders implements Disposable {
  readonly #root: number
  readonly #seen: FolderSeen
  readonly #open = new Map<string, number>()

  constructor(root: number, seen: FolderSeen) {
    this.#root = root
    this.#seen = seen
  }

  /** The folder at `path`; missing ones on the way are made 0755. The handle is good until the next call. */
  make(path: string): number {
    return this.#make(path, 0)
  }

  /** As `make`, but undefined when there is no folder at `path`. */
  find(path: string): number | undefined {
    const known = this.#open.get(path)
    if (known !== undefined) return known
    const descriptor = this.#tryOpen(path)
    if (descriptor >= 0) return this.#keep(path, descriptor, false)
    if (descriptor === -ENOENT || descriptor === -ENOTDIR) return undefined
    throw walkFailure(path, -descriptor)
  }

  /** To be called whenever a folder or link was replaced: known handles may be of what is gone. */
  forget(): void {
    for (const descriptor of this.#open.values()) closeSync(descriptor)
    this.#open.clear()
  }

  [Symbol.dispose](): void {
    this.forget()
  }

  #make(path: string, links: number): number {
    const found = this.find(path)
    if (found !== undefined) return found
    if (links > mostLinks) throw failure('LAYER_SYMLINK_LOOP', { path })
    const above = parentOf(path)
    const name = path.slice(above === '' ? 0 : above.length + 1)
    const parent = this.#make(above, links)
    const existing = findStatus(parent, name)
    if (existing === undefined) {
      mkdirat(parent, name, 0o755)
      const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
      return this.#keep(path, openat2(parent, name, folderFlags, resolve), true)
    }
    if ((existing.mode & fileTypes.mask) !== fileTypes.symlink)
      throw failure('LAYER_PATH_NOT_DIRECTORY', { path })
    // a link to what does not exist yet: its target is made, inside the root
    const target = readlinkat(parent, name).toString()
    return this.#make(join('/', target.startsWith('/') ? '' : above, target).slice(1), links + 1)
  }

  #tryOpen(path: string): number {
    const resolve = resolveFlags.inRoot | resolveFlags.noMagicLinks
    return tryOpenat2(this.#root, path === '' ? '.' : path, folderFlags, resolve)
  }

  #keep(path: string, descriptor: number, made: boolean): number {
    if (this.#open.size >= mostOpen) {
      const [oldest] = this.#open
      if (oldest !== undefined) {
        closeSync(oldest[1])
        this.#open.delete(oldest[0])
      }
    }
    this.#open.set(path, descriptor)
    this.#seen(path, descriptor, made)
    return descriptor
  }
}

/** The folder of a clean path; the root is the empty string. */
export function parentOf(path: string): string {
  const above = dirname(path)
  return above === '.' ? '' : above
}

function walkFailure(path: string, number: number): Error {
  if (number === ELOOP) return failure('LAYER_SYMLINK_LOOP', { path })
  return systemFailure('open', number, path)
}
