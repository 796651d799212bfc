import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { digestHex, type DiffId, isDigest } from '../../oci/digest.ts'
import type { BlobInfo, BlobStore } from '../store.ts'

type Notes = Readonly<Record<string, BlobInfo>>

/** Which blobs are compressed forms of a layer: a note beside its table, so that none is made twice. Never synced. */
export class FormNotes {
  readonly #folder: string
  readonly #content: Pick<BlobStore, 'temporaryPath'>

  constructor(folder: string, content: Pick<BlobStore, 'temporaryPath'>) {
    this.#folder = folder
    this.#content = content
  }

  async find(diffId: DiffId, encoding: string): Promise<BlobInfo | undefined> {
    const notes = await this.#read(diffId)
    return Object.hasOwn(notes, encoding) ? notes[encoding] : undefined
  }

  /** Of two that keep at once one may be lost: its blob is made again then. */
  async keep(diffId: DiffId, encoding: string, { digest, size }: BlobInfo): Promise<void> {
    const notes: Notes = { ...(await this.#read(diffId)), [encoding]: { digest, size } }
    const path = this.#content.temporaryPath()
    await writeFile(path, JSON.stringify(notes), { mode: 0o600 })
    await rename(path, this.#path(diffId))
  }

  async forget(diffId: DiffId): Promise<void> {
    await rm(this.#path(diffId), { force: true })
  }

  async #read(diffId: DiffId): Promise<Notes> {
    try {
      const notes = JSON.parse(await readFile(this.#path(diffId), 'utf8')) as Notes
      return Object.values(notes).every(({ digest, size }) => isDigest(digest) && size >= 0) ? notes : {}
    } catch {
      // missing, or cut short by a power cut
      return {}
    }
  }

  #path(diffId: DiffId): string {
    return join(this.#folder, `${digestHex(diffId)}.forms`)
  }
}
