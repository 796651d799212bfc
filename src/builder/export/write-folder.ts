import { randomBytes } from 'node:crypto'
import { closeSync, constants, fchmodSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path/posix'
import {
  linkat,
  mkdirat,
  mknodat,
  renameat2,
  symlinkat,
  tryUnlinkat,
  unlinkat,
  utimensat,
} from '../../linux/at.ts'
import { openat2, resolveFlags } from '../../linux/openat2.ts'
import { fileTypes, findStatus } from '../../linux/statx.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { TarSource } from '../../tar/writer.ts'
import { failure } from '../../util/errors.ts'

type Header = TarSource['header']

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY
const fileFlags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
/** No link on the way is followed, whoever put it there: the image, an earlier export, the user (C-B12). */
const inside = resolveFlags.beneath | resolveFlags.noSymlinks

export interface WrittenFolder {
  readonly bytes: number
  /** Devices, which are not made: they would be doors to this machine. */
  readonly skipped: readonly string[]
}

/**
 * Writes the members of a tree below the open folder `target`, over what is there: files appear whole under their name,
 * links and files in the place of a folder give way to it, other names stay. Owners are this process's; setuid and
 * setgid bits, which would give those to whoever runs a file, and xattrs are left out. INVALID_ARGUMENT for a folder
 * that stands in the place of a file: it is never removed.
 */
export async function writeFolder(sources: AsyncIterable<TarSource>, target: number): Promise<WrittenFolder> {
  using writer = new FolderWriter(target)
  for await (const source of sources) await writer.add(source)
  writer.finishFolders()
  return writer
}

class FolderWriter implements Disposable, WrittenFolder {
  bytes = 0
  readonly skipped: string[] = []
  readonly #target: number
  readonly #folders: Header[] = []
  readonly #temporary = `.mille-${randomBytes(6).toString('hex')}`
  #parent: { readonly path: string; readonly descriptor: number } | undefined

  constructor(target: number) {
    this.#target = target
  }

  [Symbol.dispose](): void {
    if (this.#parent === undefined) return
    tryUnlinkat(this.#parent.descriptor, this.#temporary)
    closeSync(this.#parent.descriptor)
  }

  async add({ header, body }: TarSource): Promise<void> {
    const { path, type } = header
    if (path === '.') return
    if (type === 'char' || type === 'block') {
      this.skipped.push(path)
      return
    }
    const parent = this.#openParent(path)
    const name = basename(path)
    if (type === 'directory') {
      this.#folders.push(header)
      return this.#addFolder(parent, name)
    }
    const there = findStatus(parent, name)
    if (there !== undefined && (there.mode & fileTypes.mask) === fileTypes.directory) {
      throw failure('INVALID_ARGUMENT', {
        reason: `the result has a file ${path}, where the destination has a folder: remove it first`,
      })
    }
    if (type === 'file') await this.#writeFile(parent, header, body ?? Buffer.alloc(0))
    else if (type === 'symlink') symlinkat(header.linkTarget ?? '', parent, this.#temporary)
    else if (type === 'fifo') mknodat(parent, this.#temporary, fileTypes.fifo | (header.mode & 0o777))
    else this.#link(header.linkTarget ?? '', parent)
    if (type !== 'hardlink') utimensat(parent, this.#temporary, header.mtime, header.mtime)
    renameat2(parent, this.#temporary, parent, name, 0)
  }

  /** Last, and inner ones first: writing into a folder changes its time, and may need its write bit. */
  finishFolders(): void {
    for (const { path, mode, mtime } of this.#folders.toReversed()) {
      const folder = openat2(this.#openParent(path), basename(path), folderFlags, inside)
      fchmodSync(folder, mode & 0o1777)
      utimensat(folder, '', mtime, mtime)
      closeSync(folder)
    }
  }

  /** Members come folder by folder: the last one stays open. */
  #openParent(path: string): number {
    const above = dirname(path)
    if (this.#parent?.path === above) return this.#parent.descriptor
    if (this.#parent !== undefined) closeSync(this.#parent.descriptor)
    this.#parent = undefined
    const descriptor = openat2(this.#target, above, folderFlags, inside)
    this.#parent = { path: above, descriptor }
    return descriptor
  }

  #addFolder(parent: number, name: string): void {
    const there = findStatus(parent, name)
    if (there !== undefined && (there.mode & fileTypes.mask) === fileTypes.directory) return
    if (there !== undefined) unlinkat(parent, name)
    mkdirat(parent, name, 0o700)
  }

  async #writeFile(
    parent: number,
    { path, mode }: Header,
    body: NonNullable<TarSource['body']>,
  ): Promise<void> {
    const file = openat2(parent, this.#temporary, fileFlags, inside, 0o600)
    try {
      for await (const chunk of body instanceof Uint8Array ? [body] : body) {
        for (let at = 0; at < chunk.length;) at += write(file, chunk, at, path)
        this.bytes += chunk.length
      }
      fchmodSync(file, mode & 0o777)
    } finally {
      closeSync(file)
    }
  }

  #link(first: string, parent: number): void {
    const folder = openat2(this.#target, dirname(first), folderFlags, inside)
    try {
      linkat(folder, basename(first), parent, this.#temporary)
    } finally {
      closeSync(folder)
    }
  }
}

function write(file: number, chunk: Uint8Array, at: number, path: string): number {
  try {
    return writeSync(file, chunk, at)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}
