import type { Digest } from '../../../oci/digest.ts'
import { failure } from '../../../util/errors.ts'
import type { UploadOwner } from '../storage.ts'
import type { Bucket, ListedKey, Part } from './bucket.ts'

/** What every replica knows of an upload: the object `uploads/<id>`, written after its bytes are in the bucket. */
export interface UploadState {
  readonly owner: UploadOwner
  /** Of the parts in the bucket, when there are any. */
  readonly multipart?: string
  readonly parts: readonly Part[]
  /** Bytes after the last part, too few for one. */
  readonly tail?: { readonly key: string; readonly size: number }
  /** The bytes are one object with this digest: it may be a blob already. */
  readonly joined?: Digest
}

/** Whether a blob lies at `key`. */
export type IsInUse = (key: string, repository: string, digest: Digest) => Promise<boolean>

interface Finished {
  readonly owner: UploadOwner
  readonly digest: Digest
}

/** 128 random bits, and nothing that could lead to another key. */
const idPattern = /^[0-9a-f]{32}$/

export function offsetOf({ parts, tail }: UploadState): number {
  return parts.reduce((sum, { size }) => sum + size, tail?.size ?? 0)
}

/** Where an upload's bytes are collected, and stay when it became a blob. */
export function dataKey(id: string): string {
  return `data/${id}`
}

export class UploadStates {
  readonly #bucket: Bucket
  readonly #isInUse: IsInUse

  constructor(bucket: Bucket, isInUse: IsInUse) {
    this.#bucket = bucket
    this.#isInUse = isInUse
  }

  /** Throws BLOB_UPLOAD_UNKNOWN, also to anyone but the owner. */
  async load(owner: UploadOwner, id: string): Promise<UploadState> {
    const state = await this.#read<UploadState>('uploads/', id)
    // another user's upload is as unknown as one that never was
    if (!isSame(state?.owner, owner) || state === undefined) throw unknownUpload(id)
    return state
  }

  /** Which blob the upload became: a client that lost the answer may ask again, at any replica (B-RG-4). */
  async finished(owner: UploadOwner, id: string): Promise<Digest | undefined> {
    const found = await this.#read<Finished>('finished/', id)
    return isSame(found?.owner, owner) ? found?.digest : undefined
  }

  /** The upload is over: its data stays, under the name of a blob. */
  async finish(owner: UploadOwner, id: string, digest: Digest): Promise<void> {
    await this.#bucket.put(`finished/${id}`, JSON.stringify({ owner, digest } satisfies Finished))
    await this.#bucket.remove(`uploads/${id}`)
    await this.#removeTails(id)
  }

  async save(id: string, state: UploadState): Promise<void> {
    await this.#bucket.put(`uploads/${id}`, JSON.stringify(state))
  }

  /** Removes all that there is of an upload under way, the state last: what a killed process leaves is found by it. */
  async remove(id: string): Promise<void> {
    const state = await this.#read<UploadState>('uploads/', id)
    if (state === undefined) return
    if (state.multipart !== undefined) await this.#bucket.dropParts(dataKey(id), state.multipart)
    // a replica that was killed at the very end of the upload may have made a blob of its bytes
    const key = dataKey(id)
    const isBlob =
      state.joined !== undefined && (await this.#isInUse(key, state.owner.repository, state.joined))
    if (!isBlob) await this.#bucket.remove(key)
    await this.#removeTails(id)
    await this.#bucket.remove(`uploads/${id}`)
  }

  /** Ids of the uploads under way, with when each was last added to. */
  async list(limit: number): Promise<readonly ListedKey[]> {
    const found = await this.#bucket.list('uploads/', { limit })
    return found.map(({ key, changed }) => ({ key: key.slice('uploads/'.length), changed }))
  }

  async #removeTails(id: string): Promise<void> {
    for (const { key } of await this.#bucket.list(`tails/${id}/`, { limit: Infinity })) {
      await this.#bucket.remove(key)
    }
  }

  async #read<State>(folder: string, id: string): Promise<State | undefined> {
    const found = idPattern.test(id) ? await this.#bucket.get(folder + id) : undefined
    return found && (JSON.parse(found.bytes.toString()) as State)
  }
}

export function unknownUpload(id: string): Error {
  return failure('BLOB_UPLOAD_UNKNOWN', { id: id.slice(0, 64) })
}

function isSame(owner: UploadOwner | undefined, { repository, user }: UploadOwner): boolean {
  return owner?.repository === repository && owner.user === user
}
