import { closeSync, constants } from 'node:fs'
import { openFlags, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { fileTypes } from '../../linux/statx.ts'
import type { ContextIndex, IndexedFolder } from './context-index.ts'
import { isSameAsRow, row, rowFlags, words } from './entry-table.ts'

const { mask, directory, symlink } = fileTypes
const beneath = resolveFlags.beneath | resolveFlags.noSymlinks

/**
 * Compares a folder with its index without making anything of it: one status call for each name. Whatever is in doubt
 * counts as changed.
 */
export class UnchangedRows {
  readonly #folder: number
  readonly #index: ContextIndex
  readonly #known = new Map<string, boolean>()
  readonly #sameNames = new Set<string>()

  /** `folder`: the open root. */
  constructor(folder: number, index: ContextIndex) {
    this.#folder = folder
    this.#index = index
  }

  /** Is the thing at `parts` what it was, with everything below it? A link on the way or at its end is in doubt. */
  isSame(parts: readonly string[]): boolean {
    const parent = parts.slice(0, -1).join('/')
    const name = parts.at(-1)
    if (name === undefined) return this.#tree('')
    const listed = this.#index.folders.get(parent)
    const at = listed === undefined ? -1 : this.#index.names(listed).indexOf(name)
    if (listed === undefined || at < 0) return false
    const type = this.#type(listed.rows + at * words)
    if (type === directory) return this.#tree(parts.join('/'))
    return (
      type !== symlink && this.#with(parent, (open) => this.#isSame(listed.rows + at * words, open, name))
    )
  }

  /** Were all names in the folder compared in this build, and found to be the same? */
  hasSameNames(path: string): boolean {
    return this.#sameNames.has(path)
  }

  #tree(path: string): boolean {
    const known = this.#known.get(path)
    if (known !== undefined) return known
    const folder = this.#index.folders.get(path)
    const same =
      folder !== undefined &&
      this.#with(path, (open) => this.#isSame(folder.row, open, '') && this.#names(path, folder, open))
    this.#known.set(path, same)
    return same
  }

  #names(path: string, folder: IndexedFolder, open: number): boolean {
    const folders: string[] = []
    for (const [index, name] of this.#index.names(folder).entries()) {
      const at = folder.rows + index * words
      const flags = this.#index.words[at + row.flags] ?? 0
      // not there when the folder was listed
      if ((flags & rowFlags.known) === 0 || (flags & rowFlags.hidden) !== 0) continue
      if (this.#type(at) === directory) folders.push(path === '' ? name : `${path}/${name}`)
      else if (!this.#isSame(at, open, name)) return false
    }
    this.#sameNames.add(path)
    return folders.every((below) => this.#tree(below))
  }

  #type(at: number): number {
    return (this.#index.words[at + row.mode] ?? 0) & mask
  }

  #isSame(at: number, open: number, name: string): boolean {
    return isSameAsRow(this.#index.words, at, open, name)
  }

  #with(path: string, use: (open: number) => boolean): boolean {
    const flags = openFlags.path | constants.O_DIRECTORY
    const open = tryOpenat2(this.#folder, path === '' ? '.' : path, flags, beneath)
    if (open < 0) return false
    try {
      return use(open)
    } finally {
      closeSync(open)
    }
  }
}
