import { randomBytes } from 'node:crypto'
import { lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { join } from 'node:path'

/** The file with the name that a client must know to hand over files. */
const instanceFile = 'instance'

/**
 * Blobs that are not sent but put here, as hard links named by their upload. Only who may write to the registry's folder can
 * do that, and who may do that could write a blob itself: so the bytes are taken as they are, like those of a disk.
 */
export class HandedFiles {
  /** Tells a client on the same store that this is the registry of that store; of this process alone. */
  readonly instance: string = randomBytes(16).toString('hex')
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
    // what another process was handed belongs to uploads that nobody goes on with
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder, { mode: 0o700 })
    writeFileSync(join(folder, instanceFile), this.instance, { mode: 0o600 })
  }

  /** The file of an upload, durable; undefined when there is none. */
  async find(upload: string): Promise<{ readonly path: string; readonly size: number } | undefined> {
    if (!/^[0-9a-f]{32}$/.test(upload)) return undefined
    const path = join(this.#folder, upload)
    const found = lstatSync(path, { throwIfNoEntry: false })
    if (found === undefined || !found.isFile()) return undefined
    await using file = await open(path)
    await file.datasync()
    return { path, size: found.size }
  }

  /** A rename onto another link of the same file leaves both names. */
  async remove(upload: string): Promise<void> {
    await rm(join(this.#folder, upload), { force: true })
  }
}
