import { randomBytes, type Hash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { failure } from '../../../util/errors.ts'
import type { UploadChunk } from '../storage.ts'
import type { Bucket } from './bucket.ts'
import { dataKey, unknownUpload, type UploadState, type UploadStates } from './upload-state.ts'

const mebibyte = 1024 * 1024

/**
 * Bytes of the part after `count` others: S3 takes none below 5 MiB but the last, and 10,000 in all, so that later ones
 * are larger: 288 GB in all.
 */
function partSize(count: number): number {
  return (5 + 5 * Math.floor(count / 1000)) * mebibyte
}

export interface Append {
  readonly id: string
  readonly state: UploadState
  readonly chunk: UploadChunk
  readonly body: Readable
  /** Of the bytes before; goes on with the body's. */
  readonly hash: Hash | undefined
}

/**
 * Adds a body to an upload; returns the state it leaves, which is saved. The state is saved with every part, so that another
 * replica loses at most one part of what this one received. Throws what RegistryStorage.appendUpload throws.
 */
export async function appendParts(
  bucket: Bucket,
  states: UploadStates,
  { id, state: before, chunk, body, hash }: Append,
): Promise<UploadState> {
  const writer = new PartWriter(bucket, states, id, before)
  await writer.takeTail()
  let received = 0
  let broken: unknown
  try {
    // destroying the request would destroy the connection that the answer must take
    for await (const bytes of body.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      received += bytes.length
      if (received > (chunk.length ?? Infinity)) break
      hash?.update(bytes)
      await writer.add(bytes)
    }
  } catch (error) {
    broken = error
  }
  if (broken === undefined && chunk.length !== undefined && received !== chunk.length) {
    await writer.undo()
    const found = received > chunk.length ? 'more' : received
    throw failure('SIZE_INVALID', { expected: chunk.length, found })
  }
  const after = await writer.end()
  if (broken !== undefined) throw broken
  return after
}

class PartWriter {
  readonly #bucket: Bucket
  readonly #states: UploadStates
  readonly #id: string
  readonly #before: UploadState
  #state: UploadState
  #held: Buffer[] = []
  #heldSize = 0

  constructor(bucket: Bucket, states: UploadStates, id: string, before: UploadState) {
    this.#bucket = bucket
    this.#states = states
    this.#id = id
    this.#before = before
    this.#state = before
  }

  /** What was too little for a part comes before what is added now. */
  async takeTail(): Promise<void> {
    const { tail } = this.#state
    if (tail === undefined) return
    const found = await this.#bucket.get(tail.key)
    if (found?.bytes.length !== tail.size) throw unknownUpload(this.#id)
    this.#hold(found.bytes)
  }

  async add(bytes: Buffer): Promise<void> {
    this.#hold(bytes)
    if (this.#heldSize < partSize(this.#state.parts.length)) return
    const { tail: _, ...state } = await this.#withHeldAsPart()
    await this.#save(state)
  }

  /** Keeps what is held as the new tail. */
  async end(): Promise<UploadState> {
    const { tail: _, ...state } = this.#state
    if (this.#heldSize === 0) return this.#save(state)
    const tail = { key: `tails/${this.#id}/${randomBytes(8).toString('hex')}`, size: this.#heldSize }
    await this.#bucket.put(tail.key, Buffer.concat(this.#held))
    await this.#save({ ...state, tail })
    if (this.#before.tail !== undefined) await this.#bucket.remove(this.#before.tail.key)
    return this.#state
  }

  /** As if nothing had come. Parts that were sent are replaced by later ones of the same number. */
  async undo(): Promise<void> {
    const { multipart } = this.#state
    if (this.#state !== this.#before) await this.#save(this.#before)
    if (multipart !== undefined && this.#before.multipart === undefined) {
      await this.#bucket.dropParts(dataKey(this.#id), multipart)
    }
  }

  #hold(bytes: Buffer): void {
    this.#held.push(bytes)
    this.#heldSize += bytes.length
  }

  async #withHeldAsPart(): Promise<UploadState> {
    const { parts } = this.#state
    const key = dataKey(this.#id)
    const multipart = this.#state.multipart ?? (await this.#bucket.startParts(key))
    const part = await this.#bucket.putPart(key, multipart, parts.length + 1, Buffer.concat(this.#held))
    if (part === undefined) throw unknownUpload(this.#id)
    this.#held = []
    this.#heldSize = 0
    return { ...this.#state, multipart, parts: [...parts, part] }
  }

  async #save(state: UploadState): Promise<UploadState> {
    await this.#states.save(this.#id, state)
    this.#state = state
    return state
  }
}
