import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { digestHex, type Digest } from '../../oci/digest.ts'

/** The files behind a COPY key, kept beside the database: they are read only to explain a miss. */
export class FileLists {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  save(key: Digest, files: ReadonlyMap<string, string>): void {
    const text = JSON.stringify([...files])
    try {
      writeFileSync(this.#path(key), gzipSync(text, { level: 1 }), { mode: 0o600 })
    } catch {
      // a full disk costs an explanation, not the build
    }
  }

  /** Undefined when there is none, or it is damaged. */
  load(key: Digest): ReadonlyMap<string, string> | undefined {
    try {
      return new Map(JSON.parse(gunzipSync(readFileSync(this.#path(key))).toString()) as [string, string][])
    } catch {
      return undefined
    }
  }

  /** Drops lists whose key is not among `kept`. */
  retain(kept: ReadonlySet<string>): void {
    for (const name of readdirSync(this.#folder)) {
      if (name.endsWith('.files') && !kept.has(name.slice(0, -6)))
        rmSync(join(this.#folder, name), { force: true })
    }
  }

  #path(key: Digest): string {
    return join(this.#folder, `${digestHex(key)}.files`)
  }
}
