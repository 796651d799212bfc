import { createHash } from 'node:crypto'
import { closeSync, openSync, writeSync } from 'node:fs'
import { requireSpace } from '../../linux/free-space.ts'
import { startWriteback } from '../../linux/sync.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { DiffId } from '../../oci/digest.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { humanSize } from '../../util/human-size.ts'
import type { LayerTable } from './layer-table.ts'
import { TableRecorder } from './table-recorder.ts'

export interface RecordedLayer {
  readonly diffId: DiffId
  readonly table: LayerTable
}

/** Space that a layer must leave free: SQLite and the journal need some to get out of a full disk. */
const reserve = 64 * 2 ** 20
const checkEvery = 64 * 2 ** 20
/** Bytes after which the disk is set to work, while the next ones are made. */
const writeEvery = 16 * 2 ** 20

/**
 * Takes a layer tar in pieces: one pass writes it to a file, hashes it and reads its headers. The file is not synced.
 * Fails with LAYER_* for what the attack table forbids, NO_SPACE before the disk is full.
 */
export class LayerRecorder implements Disposable {
  readonly #path: string
  readonly #file: number
  readonly #limit: number
  readonly #hash = createHash('sha256')
  readonly #table = new TableRecorder()
  #size = 0
  #started = 0
  #checkAt = checkEvery

  /** `limit`: most bytes of tar. */
  constructor(path: string, limit: number = Infinity) {
    this.#path = path
    this.#limit = limit
    try {
      this.#file = openSync(path, 'wx', 0o600)
    } catch (error) {
      throw fromNodeError(error, path)
    }
  }

  push(chunk: Buffer): void {
    this.#size += chunk.length
    if (this.#size > this.#limit)
      throw failure('LAYER_LIMIT', {
        what: 'uncompressed size',
        found: `more than ${String(this.#limit)} bytes`,
        limit:
          '200 times the compressed size or 1 GiB, whichever is more (MILLE_MAX_LAYER_RATIO changes the 200)',
      })
    if (this.#size >= this.#checkAt) this.#checkSpace()
    this.#hash.update(chunk)
    this.#write(chunk)
    if (this.#size - this.#started >= writeEvery) {
      startWriteback(this.#file, this.#started, this.#size - this.#started)
      this.#started = this.#size
    }
    this.#table.push(chunk)
  }

  end(): RecordedLayer {
    const table = this.#table.end()
    return { diffId: `sha256:${this.#hash.digest('hex')}` as DiffId, table }
  }

  [Symbol.dispose](): void {
    closeSync(this.#file)
  }

  #write(chunk: Buffer): void {
    try {
      for (let done = 0; done < chunk.length;) done += writeSync(this.#file, chunk, done)
    } catch (cause) {
      const error = fromNodeError(cause, this.#path)
      if (!isMilleError(error, 'NO_SPACE')) throw error
      // how large the layer is, only its end would tell
      const reason = `${String(error.details['reason'])} while writing a layer of more than ${humanSize(this.#size)}`
      throw failure('NO_SPACE', { call: 'write', path: this.#path, reason }, { cause })
    }
  }

  #checkSpace(): void {
    this.#checkAt = this.#size + checkEvery
    requireSpace(this.#path, reserve + checkEvery, 'inflating a layer')
  }
}
