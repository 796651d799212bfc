import { createHash, randomBytes, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import type { Digest } from '../../../oci/digest.ts'
import { failure } from '../../../util/errors.ts'
import { limiter } from '../../../util/limiter.ts'
import type { UploadChunk, UploadOwner } from '../storage.ts'
import { Turns } from '../turns.ts'
import { appendParts } from './append-parts.ts'
import type { Bucket } from './bucket.ts'
import {
  dataKey,
  offsetOf,
  unknownUpload,
  UploadStates,
  type IsInUse,
  type UploadState,
} from './upload-state.ts'

/** Each body that is being received holds a part of 5 MiB in memory; more of them wait. */
const bodiesAtOnce = 12
/** How old the count of uploads may be, ms: other replicas open and end them too. */
const countAge = 10_000

interface Hashed {
  /** Of the upload's first `size` bytes. */
  readonly hash: Hash
  readonly size: number
}

export interface FinishedData {
  readonly key: string
  readonly size: number
}

/** Uploads whose whole state is in the bucket: any replica goes on with what another one began. */
export class S3Uploads {
  readonly #bucket: Bucket
  readonly #states: UploadStates
  readonly #limit: number
  readonly #turns = new Turns()
  readonly #receiving = limiter(bodiesAtOnce)
  /** Of uploads whose bytes all came through this process; others are read again at their end. */
  readonly #hashes = new Map<string, Hashed>()
  /** Since when an upload has been as it is, by `performance.now()`, and the bucket's time that says how it was. */
  readonly #seen = new Map<string, { readonly changed: number; readonly since: number }>()
  #count = { value: 0, at: -Infinity }

  constructor(bucket: Bucket, limit: number, isInUse: IsInUse) {
    this.#bucket = bucket
    this.#states = new UploadStates(bucket, isInUse)
    this.#limit = limit
  }

  async open(owner: UploadOwner): Promise<string> {
    if (performance.now() - this.#count.at > countAge || this.#count.value >= this.#limit)
      await this.#recount()
    if (this.#count.value >= this.#limit) throw failure('TOO_MANY_UPLOADS', { limit: this.#limit })
    this.#count.value++
    // 128 random bits: whoever knows the id may write to the upload (C-S8)
    const id = randomBytes(16).toString('hex')
    await this.#states.save(id, { owner, parts: [] })
    this.#hashes.set(id, { hash: createHash('sha256'), size: 0 })
    return id
  }

  async offset(owner: UploadOwner, id: string): Promise<number> {
    return offsetOf(await this.#states.load(owner, id))
  }

  async append(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    return this.#turns.take(id, async () => {
      const state = await this.#states.load(owner, id)
      const offset = offsetOf(state)
      if (chunk.start !== undefined && chunk.start !== offset) throw failure('UPLOAD_RANGE', { offset })
      const known = this.#hashes.get(id)
      const hash = known?.size === offset ? known.hash.copy() : undefined
      this.#hashes.delete(id)
      const work = { id, state, chunk, body, hash }
      const after = await this.#receiving(() => appendParts(this.#bucket, this.#states, work))
      if (hash !== undefined) this.#hashes.set(id, { hash, size: offsetOf(after) })
      return offsetOf(after)
    })
  }

  /** `publish` is given where the bytes lie once they are those of `digest`; then the upload is over. */
  async finish(
    owner: UploadOwner,
    id: string,
    digest: Digest,
    publish: (data: FinishedData) => Promise<void>,
  ): Promise<void> {
    await this.#turns.take(id, async () => {
      if ((await this.#states.finished(owner, id)) === digest) return
      const state = await this.#states.load(owner, id)
      const size = offsetOf(state)
      const found = state.joined ?? (await this.#join(id, state))
      if (found !== digest) {
        await this.#states.remove(id)
        throw failure('UPLOAD_DIGEST_MISMATCH', { found, expected: digest })
      }
      await this.#states.save(id, { ...state, joined: digest })
      await publish({ key: dataKey(id), size })
      await this.#states.finish(owner, id, digest)
    })
  }

  async cancel(owner: UploadOwner, id: string): Promise<void> {
    await this.#turns.take(id, async () => {
      await this.#states.load(owner, id)
      this.#hashes.delete(id)
      await this.#states.remove(id)
    })
  }

  async expire(idle: number): Promise<number> {
    const now = performance.now()
    const found = await this.#states.list(Infinity)
    const before = new Map(this.#seen)
    this.#seen.clear()
    let count = 0
    for (const { key: id, changed } of found) {
      const known = before.get(id)
      const since = known?.changed === changed ? known.since : now
      if (now - since < idle) {
        this.#seen.set(id, { changed, since })
        continue
      }
      this.#hashes.delete(id)
      await this.#turns.take(id, () => this.#states.remove(id))
      count++
    }
    this.#count = { value: found.length - count, at: now }
    return count
  }

  /** Makes one object of the upload's bytes, and tells their digest. Done again after a kill, it finds the object there. */
  async #join(id: string, state: UploadState): Promise<string> {
    const { multipart, parts, tail } = state
    const key = dataKey(id)
    const last = tail && (await this.#bucket.get(tail.key))
    if (last !== undefined && last.bytes.length !== tail?.size) throw unknownUpload(id)
    const known = this.#hashes.get(id)
    this.#hashes.delete(id)
    if (multipart === undefined) {
      await this.#bucket.put(key, last?.bytes ?? Buffer.alloc(0))
    } else {
      const rest = last && (await this.#bucket.putPart(key, multipart, parts.length + 1, last.bytes))
      const joined = await this.#bucket.joinParts(key, multipart, rest ? [...parts, rest] : parts)
      if (!joined && (await this.#bucket.size(key)) !== offsetOf(state)) throw unknownUpload(id)
    }
    return known?.size === offsetOf(state) ? `sha256:${known.hash.digest('hex')}` : this.#digestOf(id)
  }

  async #digestOf(id: string): Promise<string> {
    const hash = createHash('sha256')
    const body = await this.#bucket.stream(dataKey(id))
    for await (const bytes of body ?? []) hash.update(bytes as Buffer)
    return `sha256:${hash.digest('hex')}`
  }

  async #recount(): Promise<void> {
    const found = await this.#states.list(this.#limit)
    this.#count = { value: found.length, at: performance.now() }
  }
}
