import { row } from './entry-table.ts'
import type { EntryTable } from './entry-table.ts'
import type { SourceNode } from './source-tree.ts'

/** A name in a folder tree; what is known of it is a row of the table. */
export class FolderNode implements SourceNode {
  readonly #table: EntryTable
  readonly name: string
  readonly parent?: FolderNode
  readonly slot: number
  /** Filled when the folder is read. */
  children: FolderNode[] | undefined
  /** All names and their slots, hidden ones included: what the index keeps. */
  listing: { readonly names: readonly string[]; readonly slots: readonly number[] } | undefined

  constructor(table: EntryTable, name: string, slot: number, parent?: FolderNode) {
    this.#table = table
    this.name = name
    this.slot = slot
    if (parent !== undefined) this.parent = parent
  }

  get mode(): number {
    return this.#table.mode(this.slot)
  }
  get uid(): number {
    return this.#table.uid(this.slot)
  }
  get gid(): number {
    return this.#table.gid(this.slot)
  }
  get size(): number {
    return this.#table.wide(this.slot, row.size)
  }
  get mtime(): bigint {
    return this.#table.mtime(this.slot)
  }
}
