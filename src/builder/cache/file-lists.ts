import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { digestHex, type Digest } from '../../oci/digest.ts'
import { FileList } from './file-list.ts'

/** Mostly all of it comes in one piece, which need not be put together; what is not used of it takes no memory. */
const inOnePiece = { chunkSize: 32 * 1024 * 1024 }

/** The files behind a COPY key, kept beside the database: they are read only to explain a miss. */
export class FileLists {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  save(key: Digest, files: FileList): void {
    try {
      // several times faster than gzip, which was felt with tens of thousands of files
      const fastest = { params: { [constants.ZSTD_c_compressionLevel]: 1 } }
      writeFileSync(this.#path(key), zstdCompressSync(files.bytes, fastest), { mode: 0o600 })
    } catch {
      // a full disk costs an explanation, not the build
    }
  }

  /** Undefined when there is none, or it is damaged. */
  load(key: Digest): FileList | undefined {
    try {
      return new FileList(zstdDecompressSync(readFileSync(this.#path(key)), inOnePiece))
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
