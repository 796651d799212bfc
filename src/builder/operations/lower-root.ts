import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { openFolder, openFlags, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes, statx, type FileStatus } from '../../linux/statx.ts'
import { systemFailure } from '../../linux/system-failure.ts'
import { getXattr, listXattrs } from '../../linux/xattr.ts'
import { decodeBytes } from '../../util/byte-string.ts'
import { failure } from '../../util/errors.ts'

const maxLinks = 40
const largestFile = 10 * 1024 * 1024

/** Where a path of the image really is: no part of `path` is a link. */
export interface Located {
  /** `a/b` below the root, empty for the root itself. */
  readonly path: string
  /** Undefined when nothing is there. */
  readonly status?: FileStatus
}

/**
 * The files that a layer is going to lie on, read only. Every path is resolved as a process inside would see it, one
 * part at a time and never through a link the kernel follows, so nothing outside can be reached.
 */
export class LowerRoot implements Disposable {
  /** Undefined is an empty root (`scratch`). */
  readonly #folder: number | undefined

  constructor(path: string | undefined) {
    this.#folder = path === undefined ? undefined : openFolder(path)
  }

  [Symbol.dispose](): void {
    if (this.#folder !== undefined) closeSync(this.#folder)
  }

  /** The thing at `path` itself, be it a link; `path` must be free of links above its last part. */
  status(path: string): FileStatus | undefined {
    return this.#with(path, (descriptor) => statx(descriptor, ''))
  }

  xattrs(path: string): ReadonlyMap<string, Uint8Array> | undefined {
    return this.#with(path, (descriptor) => {
      const names = listXattrs(descriptor).filter(
        (name) => !/^(trusted|system)\.|^user\.overlay\./.test(name),
      )
      const values = names.flatMap((name) => {
        const value = getXattr(descriptor, name)
        return value === undefined ? [] : [[name, value] as const]
      })
      return values.length === 0 ? undefined : new Map(values)
    })
  }

  /** Follows every link of `path`, the last one too; parts that do not exist are kept as they are. PATH_LOOP. */
  locate(path: string): Located {
    let at: string[] = []
    let links = 0
    const todo = path.split('/')
    for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
      if (part === '' || part === '.') continue
      if (part === '..') {
        at.pop()
        continue
      }
      const next = [...at, part]
      const status = this.status(next.join('/'))
      if (status === undefined || (status.mode & fileTypes.mask) !== fileTypes.symlink) {
        at = next
        continue
      }
      if (++links > maxLinks) throw failure('PATH_LOOP', { call: 'open', path })
      const target = this.#readLink(next.join('/'))
      if (target.startsWith('/')) at = []
      todo.unshift(...target.split('/'))
    }
    const found = at.join('/')
    const status = this.status(found)
    return { path: found, ...(status === undefined ? {} : { status }) }
  }

  /** A small regular file as text; empty when it is missing or anything else. */
  readText(path: string): string {
    const located = this.locate(path)
    if (located.status === undefined || (located.status.mode & fileTypes.mask) !== fileTypes.file) return ''
    return (
      this.#with(located.path, (handle) => {
        // the very inode that was checked, not its name
        const descriptor = openSync(`/proc/self/fd/${handle}`, 'r')
        try {
          const { size } = fstatSync(descriptor)
          if (size > largestFile) throw failure('ROOTFS_FILE_TOO_LARGE', { path, limit: largestFile })
          const buffer = Buffer.alloc(size)
          return buffer.toString('utf8', 0, readSync(descriptor, buffer, 0, size, 0))
        } finally {
          closeSync(descriptor)
        }
      }) ?? ''
    )
  }

  #readLink(path: string): string {
    const target = this.#with(path, (descriptor) => decodeBytes(readlinkat(descriptor, '')))
    if (target === undefined) throw failure('PATH_NOT_FOUND', { call: 'readlink', path })
    return target
  }

  #with<Result>(path: string, use: (descriptor: number) => Result): Result | undefined {
    if (this.#folder === undefined) return undefined
    const flags = openFlags.path | constants.O_NOFOLLOW
    const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
    const descriptor = tryOpenat2(this.#folder, path === '' ? '.' : path, flags, resolve)
    // missing, or below something that is no folder
    if (descriptor === -2 || descriptor === -20 || descriptor === -40) return undefined
    if (descriptor < 0) throw systemFailure('open', -descriptor, path)
    try {
      return use(descriptor)
    } finally {
      closeSync(descriptor)
    }
  }
}
