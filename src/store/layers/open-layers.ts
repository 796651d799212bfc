import { closeSync, mkdirSync, openSync, readSync, renameSync } from 'node:fs'
import { readFile, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { diffIdAsDigest, digestHex, parseDiffId, type DiffId, shortId } from '../../oci/digest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { failure, isMilleError, type ErrorKind } from '../../util/errors.ts'
import { workerEntry, WorkerPool } from '../../util/worker-pool.ts'
import type {
  BlobInfo,
  BlobStore,
  IngestOptions,
  InflateOptions,
  LayerEntry,
  LayerInfo,
  LayerOptions,
  LayerStore,
} from '../store.ts'
import { FormNotes } from './form-notes.ts'
import { inflateLayer, type InflateJob, type InflateResult } from './inflate-layer.ts'
import { LayerRecorder, type RecordedLayer } from './layer-recorder.ts'
import { LayerTable } from './layer-table.ts'
import { writeLayer, type WritableEntry } from './layer-writer.ts'
import { type MergeLayer, mergeLayers } from './merge-layers.ts'
import { scanLayer } from './scan-layer.ts'
import { LocalTimes } from './local-times.ts'
import type { StoredEntry } from './stored-entry.ts'
import { decodeTableHead, tableHeadLength, type TableHead } from './table-columns.ts'
import { TableAttempt } from './table-recorder.ts'
import type { WasThere, WriteBeside } from './write-beside.ts'
import { writeTable } from './write-table.ts'

/** What the layer store needs of the content store. */
export type LayerContent = Pick<
  BlobStore,
  'adopt' | 'fetch' | 'forgetDownload' | 'ingest' | 'path' | 'stat' | 'temporaryPath'
>

export interface LayerDependencies {
  readonly content: LayerContent
  /** A folder of the store for tables of contents alone. */
  readonly folder: string
}

/** Kinds of error that are the layer's own, not the machine's or the moment's. */
const refusals: ReadonlySet<ErrorKind> = new Set(['invalid-argument', 'data-loss'])

/** Blobs up to this size are inflated in this thread: starting another costs more. */
const inlineSize = 262_144
/**
 * A layer may be this much larger than its blob, or `smallLayer`, whichever is more. gzip reaches 1032, real layers 20;
 * files of zeros or of one log line are honest too, as long as they stay small. MILLE_MAX_LAYER_RATIO replaces the ratio.
 */
const usualRatio = 200
const smallLayer = 2 ** 30

function largestRatio(): number {
  const text = process.env['MILLE_MAX_LAYER_RATIO'] ?? ''
  if (text === '') return usualRatio
  const ratio = Number(text)
  if (!(ratio >= 1))
    throw failure('INVALID_ARGUMENT', {
      reason: `MILLE_MAX_LAYER_RATIO is "${text}", not a number from 1 on`,
    })
  return ratio
}

export function openLayers(dependencies: LayerDependencies): BlobLayers {
  return new BlobLayers(dependencies)
}

/** Layers as uncompressed tar blobs, each with a table of contents beside it, so that no tar is read through twice. */
export class BlobLayers implements LayerStore, AsyncDisposable {
  readonly #content: LayerContent
  readonly #folder: string
  readonly #forms: FormNotes
  readonly #workers = new WorkerPool(workerEntry(import.meta.url, './inflate-worker.ts'), 2, {
    // what it knew of a big layer would stay while the layer's index takes its own memory
    endIdle: true,
  })

  readonly #sinks = new WorkerPool(workerEntry(import.meta.url, './tar-sink-worker.ts'), 2)

  readonly #infos = new Map<DiffId, LayerInfo>()
  /** The table of the layer that was written last: it is applied next, as a rule, and need not be read back. */
  #fresh: RecordedLayer | undefined

  constructor({ content, folder }: LayerDependencies) {
    this.#content = content
    this.#folder = folder
    this.#forms = new FormNotes(folder, content)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#workers[Symbol.asyncDispose]()
    await this.#sinks[Symbol.asyncDispose]()
  }

  async find(diffId: DiffId): Promise<LayerInfo | undefined> {
    const blob = await this.#content.stat(diffIdAsDigest(diffId))
    if (blob === undefined) return undefined
    const known = this.#infos.get(diffId)
    if (known !== undefined && known.size === blob.size) return known
    // the whole table of a big layer takes longer to read than most commands have
    const head = this.#readTableHead(diffId)
    if (head?.size === blob.size) return this.#remember({ diffId, size: head.size, entries: head.entries })
    const { size, count } = await this.#table(diffId)
    return this.#remember({ diffId, size, entries: count })
  }

  async inflate(
    blob: Descriptor,
    expected: DiffId | undefined,
    options: InflateOptions = {},
  ): Promise<LayerInfo> {
    try {
      return await this.#inflated(blob, expected, options)
    } catch (error) {
      // what is refused once is refused always: it need not wait for the next try
      if (isMilleError(error) && refusals.has(error.kind)) this.#content.forgetDownload(blob.digest)
      throw error
    }
  }

  async #inflated(
    blob: Descriptor,
    expected: DiffId | undefined,
    options: InflateOptions,
  ): Promise<LayerInfo> {
    if (expected !== undefined) {
      options.lease?.hold({ kind: 'blob', digest: diffIdAsDigest(expected) })
      const known = await this.find(expected)
      if (known !== undefined) return known
    }
    const tar = this.#content.temporaryPath()
    const table = this.#content.temporaryPath()
    const job: InflateJob = {
      blob: this.#content.path(blob.digest),
      digest: blob.digest,
      size: blob.size,
      ...(options.growing === undefined ? {} : { growing: options.growing.shared }),
      tar,
      table,
      limit: Math.max(blob.size * largestRatio(), smallLayer),
    }
    try {
      const result = await this.#inflate(job, options)
      if (expected !== undefined && result.diffId !== expected)
        throw failure('DIFFID_MISMATCH', { digest: blob.digest, expected, found: result.diffId })
      await rename(table, this.#tablePath(result.diffId))
      await this.#content.adopt(
        tar,
        { digest: diffIdAsDigest(result.diffId), size: result.size },
        options.lease,
      )
      return this.#remember(result)
    } catch (error) {
      await Promise.all([rm(tar, { force: true }), rm(table, { force: true })])
      throw error
    }
  }

  async ingest(tar: Readable, options: LayerOptions = {}): Promise<LayerInfo> {
    const { info } = await this.#publish(options, async (path) => {
      using recorder = new LayerRecorder(path)
      for await (const chunk of tar as AsyncIterable<Buffer>) {
        options.signal?.throwIfAborted()
        recorder.push(chunk)
      }
      return recorder.end()
    })
    return info
  }

  async keep(blob: Readable, options: IngestOptions = {}): Promise<BlobInfo> {
    const attempt = new TableAttempt()
    const info = await this.#content.ingest(blob, { ...options, onBytes: (bytes) => attempt.push(bytes) })
    const table = attempt.end()
    const diffId = parseDiffId(info.digest)
    if (table !== undefined && this.#readTableHead(diffId)?.size !== info.size) this.#keepTable(diffId, table)
    return info
  }

  async write(
    entries: Iterable<LayerEntry> | AsyncIterable<LayerEntry>,
    options: LayerOptions & WriteBeside = {},
  ): Promise<LayerInfo & WasThere> {
    // an array stays one: a turn of the loop for each of many entries would be felt
    const all = Array.isArray(entries) ? (entries as readonly LayerEntry[]) : await Array.fromAsync(entries)
    const { info, wasThere } = await this.#publish(options, (path) => this.#write(path, all, options))
    return { ...info, wasThere }
  }

  async merge(diffIds: readonly DiffId[], options: LayerOptions = {}): Promise<LayerInfo> {
    const layers: MergeLayer[] = []
    for (const diffId of diffIds) {
      const entries = await this.entries(diffId)
      layers.push({ tar: this.tarPath(diffId), entries, tarTimes: await this.#tarTimes(diffId, entries) })
    }
    const { info } = await this.#publish(options, (path) => this.#write(path, mergeLayers(layers), options))
    return info
  }

  async #write(
    path: string,
    entries: readonly WritableEntry[],
    { signal, beside }: LayerOptions & WriteBeside,
  ): Promise<RecordedLayer> {
    return await writeLayer(path, entries, { signal, threads: this.#sinks, beside })
  }

  async open(diffId: DiffId): Promise<Readable> {
    const digest = diffIdAsDigest(diffId)
    const blob = await this.#content.stat(digest)
    if (blob === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
    return await this.#content.fetch({ mediaType: mediaTypes.ociLayer, digest, size: blob.size })
  }

  async localTimes(diffId: DiffId): Promise<LocalTimes> {
    const head = this.#readTableHead(diffId)
    const isCounted = head !== undefined && head.localTimes !== undefined
    if (isCounted && head.localTimes === 0) return LocalTimes.none
    return (await this.#table(diffId)).localTimes()
  }

  findForm(diffId: DiffId, encoding: string): Promise<BlobInfo | undefined> {
    return this.#forms.find(diffId, encoding)
  }

  keepForm(diffId: DiffId, encoding: string, blob: BlobInfo): Promise<void> {
    return this.#forms.keep(diffId, encoding, blob)
  }

  async forget(diffId: DiffId): Promise<void> {
    this.#infos.delete(diffId)
    await rm(this.#tablePath(diffId), { force: true })
    await this.#forms.forget(diffId)
  }

  async entries(diffId: DiffId): Promise<readonly StoredEntry[]> {
    const fresh = this.#fresh
    this.#fresh = undefined
    if (fresh?.diffId === diffId) return fresh.table.entries()
    return (await this.#table(diffId)).entries()
  }

  /** Where the uncompressed tar lies. */
  tarPath(diffId: DiffId): string {
    return this.#content.path(diffIdAsDigest(diffId))
  }

  /** The table has the times of this machine: where it does, the tar itself is asked for those that go into other tars. */
  async #tarTimes(
    diffId: DiffId,
    entries: readonly StoredEntry[],
  ): Promise<((position: number) => bigint) | undefined> {
    if (!entries.some(({ isLocalTime }) => isLocalTime)) return undefined
    return (await scanLayer(this.tarPath(diffId))).times()
  }

  async #inflate(job: InflateJob, { signal, onProgress }: LayerOptions): Promise<InflateResult> {
    const report = (current: number): void =>
      onProgress?.({ id: shortId(job.digest), status: 'Extracting', current, total: job.size })
    // who reads along sleeps meanwhile: never in this thread
    if (job.size <= inlineSize && job.growing === undefined) return await inflateLayer(job)
    return (await this.#workers.run(job, {
      signal,
      onProgress: (value) => report(value as number),
    })) as InflateResult
  }

  /** Has a tar made in a new file, and makes it a layer; nothing is left when that fails. */
  async #publish(
    options: LayerOptions,
    make: (path: string) => Promise<RecordedLayer>,
  ): Promise<{ readonly info: LayerInfo } & WasThere> {
    const path = this.#content.temporaryPath()
    try {
      const { diffId, table } = await make(path)
      const wasThere = (await this.#content.stat(diffIdAsDigest(diffId))) !== undefined
      // the index of a layer that is there has the times of its first table, which must not be replaced
      if (!wasThere || (await this.#readTable(diffId)) === undefined) this.#keepTable(diffId, table)
      await this.#content.adopt(path, { digest: diffIdAsDigest(diffId), size: table.size }, options.lease)
      this.#fresh = wasThere ? undefined : { diffId, table }
      return { info: this.#remember({ diffId, size: table.size, entries: table.count }), wasThere }
    } catch (error) {
      await rm(path, { force: true })
      throw error
    }
  }

  /** A table that is missing or damaged is made again from the tar. */
  async #table(diffId: DiffId): Promise<LayerTable> {
    const blob = await this.#content.stat(diffIdAsDigest(diffId))
    if (blob === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
    const table = await this.#readTable(diffId)
    if (table !== undefined && table.size !== blob.size) await this.#refuseDamaged(blob, table.size)
    else if (table !== undefined) return table
    const scanned = await scanLayer(this.tarPath(diffId))
    this.#keepTable(diffId, scanned)
    return scanned
  }

  /** BLOB_DAMAGED when the tar is not its digest's; returns when the table is not the tar's. */
  async #refuseDamaged({ digest }: BlobInfo, size: number): Promise<void> {
    try {
      const tar = await this.#content.fetch({ mediaType: mediaTypes.ociLayer, digest, size })
      tar.destroy()
    } catch (error) {
      if (!isMilleError(error, 'BLOB_SIZE_MISMATCH')) throw error
    }
  }

  /** At once: an image of thirty layers would go through Node's threads ninety times. */
  #readTableHead(diffId: DiffId): TableHead | undefined {
    try {
      const head = Buffer.alloc(tableHeadLength)
      const file = openSync(this.#tablePath(diffId), 'r')
      try {
        return decodeTableHead(head.subarray(0, readSync(file, head)))
      } finally {
        closeSync(file)
      }
    } catch {
      return undefined
    }
  }

  async #readTable(diffId: DiffId): Promise<LayerTable | undefined> {
    try {
      return LayerTable.decode(await readFile(this.#tablePath(diffId)))
    } catch {
      // missing, cut short by a power cut, of another version: it is only a cache
      return undefined
    }
  }

  #remember(info: LayerInfo): LayerInfo {
    this.#infos.set(info.diffId, info)
    return info
  }

  /** Not synced: see `#readTable`. */
  #keepTable(diffId: DiffId, table: LayerTable): void {
    const path = this.#content.temporaryPath()
    writeTable(path, table)
    renameSync(path, this.#tablePath(diffId))
  }

  #tablePath(diffId: DiffId): string {
    return join(this.#folder, `${digestHex(diffId)}.table`)
  }
}
