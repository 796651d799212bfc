import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { renameat2, renameFlags } from '../../linux/at.ts'
import { currentFolder } from '../../linux/openat2.ts'
import type { ChainId } from '../../oci/digest.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { Staging } from './staging.ts'
import { readText } from '../../util/read-text.ts'

/** What a snapshot is, kept beside its data. */
export interface SnapshotRecord {
  readonly parent?: ChainId
  readonly writable: boolean
  readonly shortLived?: boolean
}

const keyPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,199}$/
const recordName = 'snapshot.json'

/** The folders of the snapshots of a store, one per key; each appears and disappears whole, by rename. */
export class SnapshotFolders {
  readonly #folder: string
  readonly #staging: Staging

  constructor(folder: string, staging: Staging) {
    this.#folder = folder
    this.#staging = staging
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  path(key: string, ...parts: readonly string[]): string {
    // a key becomes a file name: `../x` must not
    if (!keyPattern.test(key)) throw failure('INVALID_ARGUMENT', { reason: `invalid snapshot key "${key}"` })
    return join(this.#folder, key, ...parts)
  }

  /** Makes the snapshot's folder, filled by `fill`. SNAPSHOT_EXISTS when the key is taken. */
  create(key: string, record: SnapshotRecord, fill: (folder: string) => void): void {
    const path = this.path(key)
    if (existsSync(path)) throw failure('SNAPSHOT_EXISTS', { key })
    const made = this.#staging.newFolder()
    try {
      writeFileSync(join(made, recordName), JSON.stringify(record), { mode: 0o600 })
      fill(made)
      renameat2(currentFolder, made, currentFolder, path, renameFlags.noReplace)
    } catch (error) {
      this.#staging.remove(made)
      if (isMilleError(error, 'PATH_EXISTS')) throw failure('SNAPSHOT_EXISTS', { key })
      throw error
    }
  }

  get(key: string): SnapshotRecord {
    try {
      return JSON.parse(readText(this.path(key, recordName))) as SnapshotRecord
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw failure('SNAPSHOT_NOT_FOUND', { key })
      throw error
    }
  }

  has(key: string): boolean {
    return existsSync(this.path(key))
  }

  list(): { readonly key: string; readonly record: SnapshotRecord }[] {
    return readdirSync(this.#folder).flatMap((key) => {
      try {
        return [{ key, record: this.get(key) }]
      } catch (error) {
        // removed meanwhile
        if (isMilleError(error, 'SNAPSHOT_NOT_FOUND')) return []
        throw error
      }
    })
  }

  /** Takes the snapshot away at once; its data follows. */
  remove(key: string): void {
    const gone = this.#staging.newPath()
    try {
      renameSync(this.path(key), gone)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw failure('SNAPSHOT_NOT_FOUND', { key })
      throw error
    }
    this.#staging.remove(gone)
  }
}

export function snapshotRecord(parent: ChainId | undefined, writable: boolean): SnapshotRecord {
  return parent === undefined ? { writable } : { parent, writable }
}

/** The optional parent, to be spread into another object. */
export function parentOf(record: SnapshotRecord): { readonly parent?: ChainId } {
  return record.parent === undefined ? {} : { parent: record.parent }
}
