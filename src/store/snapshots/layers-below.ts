import { closeSync, constants, readlinkSync, readSync } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { openFlags, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { readFolder } from '../../linux/read-folder.ts'
import { type FileStatus, fileTypes, statx } from '../../linux/statx.ts'
import { decodeBytes } from '../../util/byte-string.ts'
import { readXattrs } from './object-xattrs.ts'

/** One object of the layers below. */
export interface BelowNode {
  readonly status: FileStatus
  /** S_IFMT bits. */
  readonly type: number
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

const beneath = resolveFlags.beneath | resolveFlags.noSymlinks

/**
 * Looks things up in the merged view of the layers below a layer. Remembers whether it was asked at all: a layer that
 * never asks is the same on every parent.
 */
export class LayersBelow {
  readonly #root: number | undefined
  #asked = false

  /** A handle of the merged root; undefined for no layers. */
  constructor(root: number | undefined) {
    this.#root = root
  }

  get asked(): boolean {
    return this.#asked
  }

  /** What is at `path`, whose parents are folders, not links; a link at its end is not followed. */
  find(path: string): BelowNode | undefined {
    return this.#with(
      path,
      openFlags.path | constants.O_NOFOLLOW,
      beneath & ~resolveFlags.noSymlinks,
      (handle) => {
        const status = statx(handle, '')
        return { status, type: status.mode & fileTypes.mask, xattrs: readXattrs(handle) }
      },
    )
  }

  /** The path without links of the folder that `path` leads to, inside the root. */
  resolveFolder(path: string): string | undefined {
    const flags = openFlags.path | constants.O_DIRECTORY
    return this.#with(
      path === '' ? '.' : path,
      flags,
      resolveFlags.inRoot | resolveFlags.noMagicLinks,
      (handle) => {
        const real = realPath(handle)
        const root = realPath(this.#root ?? handle)
        return real.length === root.length ? '' : decodeBytes(real.subarray(root.length + 1))
      },
    )
  }

  names(path: string): string[] {
    const flags = constants.O_RDONLY | constants.O_DIRECTORY
    const entries = this.#with(path === '' ? '.' : path, flags, beneath, (handle) => readFolder(handle))
    return (entries ?? []).map(({ name }) => name)
  }

  readTarget(path: string): string {
    const flags = openFlags.path | constants.O_NOFOLLOW
    return (
      this.#with(path, flags, resolveFlags.beneath, (handle) => decodeBytes(readlinkat(handle, ''))) ?? ''
    )
  }

  readFile(path: string, size: number): Buffer {
    const bytes = Buffer.alloc(size)
    this.#with(path, constants.O_RDONLY | constants.O_NOFOLLOW, resolveFlags.beneath, (handle) => {
      for (let done = 0; done < size;) {
        const count = readSync(handle, bytes, done, size - done, done)
        if (count === 0) break
        done += count
      }
    })
    return bytes
  }

  #with<Result>(
    path: string,
    flags: number,
    resolve: number,
    use: (handle: number) => Result,
  ): Result | undefined {
    this.#asked = true
    if (this.#root === undefined) return undefined
    const handle = tryOpenat2(this.#root, path, flags, resolve)
    if (handle < 0) return undefined
    try {
      return use(handle)
    } finally {
      closeSync(handle)
    }
  }
}

function realPath(handle: number): Buffer {
  return readlinkSync(`/proc/self/fd/${String(handle)}`, 'buffer')
}
