import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'
import { digestHex, type Digest } from '../../oci/digest.ts'

/** Several times faster than gzip, which was felt with tens of thousands of files. */
const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }

/** The files behind a COPY key, kept beside the database: they are read only to explain a miss. */
export class FileLists {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  save(key: Digest, files: ReadonlyMap<string, string>): void {
    const lines: string[] = []
    for (const [path, value] of files) lines.push(path, value)
    try {
      writeFileSync(this.#path(key), zstdCompressSync(encodeBytes(lines.join('\0')), fastest), {
        mode: 0o600,
      })
    } catch {
      // a full disk costs an explanation, not the build
    }
  }

  /** Undefined when there is none, or it is damaged. */
  load(key: Digest): ReadonlyMap<string, string> | undefined {
    try {
      const parts = decodeBytes(zstdDecompressSync(readFileSync(this.#path(key)))).split('\0')
      const files = new Map<string, string>()
      for (let at = 0; at + 1 < parts.length; at += 2) files.set(parts[at] ?? '', parts[at + 1] ?? '')
      return files
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
