import type { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { isDigest, type Digest } from '../../../oci/digest.ts'
import { parseManifestDocument } from '../../../oci/parse-manifest.ts'
import { failure, isMilleError } from '../../../util/errors.ts'
import { manifestFacts } from '../manifest-facts.ts'
import type { ManifestFacts } from '../manifest-facts.ts'
import type {
  ByteRange,
  HandOverPlace,
  NewManifest,
  Page,
  Referrers,
  ReferrersPage,
  RegistryStorage,
  StoredManifest,
  UploadChunk,
  UploadOwner,
} from '../storage.ts'
import { FetchedBlob } from './fetched-blob.ts'
import type { Upstream, Upstreams } from './upstreams.ts'

/** No answer came, or one that says nothing of the image: what is here counts on. */
const troubles = [
  'REGISTRY_UNREACHABLE',
  'REGISTRY_FAILED',
  'REGISTRY_RATE_LIMITED',
  'REGISTRY_ANSWER_INVALID',
] as const

/**
 * A storage that fetches what it lacks from other registries, each under its prefix, and keeps it. One request upstream is
 * enough for all who ask at the same time. A tag is asked for again when it is not fresh; when upstream does not answer,
 * what is here is served. What is kept of an upstream cannot be pushed to. Everything else is as without it.
 */
export class PullThroughStorage implements RegistryStorage {
  readonly #inner: RegistryStorage
  readonly #upstreams: Upstreams
  readonly #blobs = new Map<string, Promise<FetchedBlob | 'stored' | undefined>>()
  readonly #manifests = new Map<string, Promise<StoredManifest | undefined>>()
  /** When a tag was last asked for upstream, by `performance.now()`. */
  readonly #asked = new Map<string, number>()
  readonly #closing = new AbortController()

  constructor(inner: RegistryStorage, upstreams: Upstreams) {
    this.#inner = inner
    this.#upstreams = upstreams
  }

  get handOver(): HandOverPlace | undefined {
    return this.#inner.handOver
  }

  async statBlob(repository: string, digest: Digest): Promise<number | undefined> {
    const size = await this.#inner.statBlob(repository, digest)
    if (size !== undefined) return size
    return this.#upstreams.of(repository)?.repository.blobSize(digest, this.#options)
  }

  async readBlob(repository: string, digest: Digest, range?: ByteRange): Promise<Readable> {
    const upstream = this.#upstreams.of(repository)
    if (upstream === undefined || (await this.#inner.statBlob(repository, digest)) !== undefined) {
      return this.#inner.readBlob(repository, digest, range)
    }
    const fetched = await once(
      this.#blobs,
      `${repository}@${digest}`,
      () => this.#fetchBlob(upstream, repository, digest),
      (blob) => (blob instanceof FetchedBlob ? blob.done : undefined),
    )
    if (fetched === undefined) throw failure('BLOB_UNKNOWN', { digest, repository })
    if (fetched === 'stored') return this.#inner.readBlob(repository, digest, range)
    if (range === undefined) return fetched.read()
    await fetched.whole()
    return this.#inner.readBlob(repository, digest, range)
  }

  async findManifest(repository: string, tagOrDigest: string): Promise<StoredManifest | undefined> {
    const upstream = this.#upstreams.of(repository)
    const stored = await this.#inner.findManifest(repository, tagOrDigest)
    if (upstream === undefined) return stored
    const key = `${repository}:${tagOrDigest}`
    const age = performance.now() - (this.#asked.get(key) ?? -Infinity)
    if (stored !== undefined && (isDigest(tagOrDigest) || age < upstream.fresh)) return stored
    return once(this.#manifests, key, async () => {
      const found = await this.#askForManifest(upstream, repository, tagOrDigest, stored)
      if (!isDigest(tagOrDigest)) this.#asked.set(key, performance.now())
      return found
    })
  }

  async putManifest(repository: string, manifest: NewManifest): Promise<void> {
    this.#refuseCopies(repository)
    await this.#inner.putManifest(repository, manifest)
  }

  async openUpload(owner: UploadOwner): Promise<string> {
    this.#refuseCopies(owner.repository)
    return this.#inner.openUpload(owner)
  }

  async mountBlob(repository: string, digest: Digest, from: string): Promise<boolean> {
    this.#refuseCopies(repository)
    return this.#inner.mountBlob(repository, digest, from)
  }

  async deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    return this.#inner.deleteBlob(repository, digest)
  }

  async uploadOffset(owner: UploadOwner, id: string): Promise<number> {
    return this.#inner.uploadOffset(owner, id)
  }

  async appendUpload(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    return this.#inner.appendUpload(owner, id, chunk, body)
  }

  async finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<void> {
    await this.#inner.finishUpload(owner, id, digest)
  }

  async cancelUpload(owner: UploadOwner, id: string): Promise<void> {
    await this.#inner.cancelUpload(owner, id)
  }

  async expireUploads(idle: number): Promise<number> {
    return this.#inner.expireUploads(idle)
  }

  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    return this.#inner.deleteManifest(repository, digest)
  }

  async deleteTag(repository: string, tag: string): Promise<boolean> {
    return this.#inner.deleteTag(repository, tag)
  }

  async listTags(repository: string, page: Page): Promise<readonly string[] | undefined> {
    return this.#inner.listTags(repository, page)
  }

  async listRepositories(page: Page): Promise<readonly string[]> {
    return this.#inner.listRepositories(page)
  }

  async listReferrers(repository: string, subject: Digest, page: ReferrersPage): Promise<Referrers> {
    return this.#inner.listReferrers(repository, subject, page)
  }

  /** Ends what is being fetched; the storage behind it stays open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort()
    const blobs = await Promise.allSettled(this.#blobs.values())
    const fetched = blobs.map((one) => (one.status === 'fulfilled' ? one.value : undefined))
    const under = fetched.map((blob) => (blob instanceof FetchedBlob ? blob.done : undefined))
    await Promise.allSettled([...under, ...this.#manifests.values()])
  }

  get #options(): { readonly signal: AbortSignal } {
    return { signal: this.#closing.signal }
  }

  /** The bytes are fetched to their end whether or not the one who asked stays: the next one will want them too. */
  async #fetchBlob(
    { repository: remote }: Upstream,
    repository: string,
    digest: Digest,
  ): Promise<FetchedBlob | 'stored' | undefined> {
    // the fetch before this one may have ended since the storage was asked
    if ((await this.#inner.statBlob(repository, digest)) !== undefined) return 'stored'
    const size = await remote.blobSize(digest, this.#options)
    if (size === undefined) return undefined
    const mediaType = 'application/octet-stream'
    const body = await remote.fetch({ mediaType, digest, size }, this.#options)
    return new FetchedBlob(
      size,
      async (pass) => {
        try {
          await this.#store(repository, digest, size, pass(body as AsyncIterable<Buffer>))
        } finally {
          body.destroy()
        }
      },
      (offset) =>
        this.#inner.readBlob(repository, digest, offset === 0 ? undefined : { start: offset, end: size - 1 }),
    )
  }

  async #store(repository: string, digest: Digest, size: number, body: Readable): Promise<void> {
    const owner = { repository, user: '' }
    const id = await this.#inner.openUpload(owner)
    try {
      await this.#inner.appendUpload(owner, id, { start: 0, length: size }, body)
      await this.#inner.finishUpload(owner, id, digest)
    } catch (error) {
      await this.#inner.cancelUpload(owner, id).catch(() => {})
      throw error
    }
  }

  async #askForManifest(
    { repository: remote }: Upstream,
    repository: string,
    name: string,
    stored: StoredManifest | undefined,
  ): Promise<StoredManifest | undefined> {
    try {
      const target = await remote.resolve(name, this.#options)
      if (target.digest === stored?.digest) return stored
      const bytes = await buffer(await remote.fetch(target, this.#options))
      const { mediaType, digest } = target
      const tags = isDigest(name) ? [] : [name]
      await this.#inner.putManifest(repository, {
        mediaType,
        digest,
        bytes,
        ...lazyFacts(bytes, mediaType),
        tags,
      })
      return { mediaType, digest, bytes }
    } catch (error) {
      if (stored !== undefined && isMilleError(error, ...troubles)) return stored
      if (!isMilleError(error, 'MANIFEST_UNKNOWN', 'REGISTRY_REPOSITORY_UNKNOWN')) throw error
      // upstream took the tag away; the manifest stays, by its digest
      if (stored !== undefined) await this.#inner.deleteTag(repository, name)
      return undefined
    }
  }

  #refuseCopies(repository: string): void {
    if (this.#upstreams.of(repository) === undefined) return
    throw failure('REGISTRY_METHOD_UNSUPPORTED', {
      method: 'pushing',
      reason: `: ${repository} is a copy of another registry's repository`,
    })
  }
}

/** Its blobs come when they are asked for: none must be there, and those that are stay as long as the manifest. */
function lazyFacts(bytes: Buffer, mediaType: string): ManifestFacts {
  try {
    const { blobs, members = [], ...rest } = manifestFacts(parseManifestDocument(bytes, mediaType))
    return { ...rest, blobs: [], members: [...blobs.map(({ digest }) => digest), ...members] }
  } catch (error) {
    // a copy of what upstream has, also of a type that is not known here
    if (isMilleError(error)) return { blobs: [] }
    throw error
  }
}

/** Who asks while `work` is under way, or what came of it is not over, gets the same. */
async function once<Value>(
  running: Map<string, Promise<Value>>,
  key: string,
  work: () => Promise<Value>,
  over: (value: Value) => Promise<void> | undefined = () => undefined,
): Promise<Value> {
  const known = running.get(key)
  if (known !== undefined) return known
  const mine = work()
  running.set(key, mine)
  const forget = (): void => void running.delete(key)
  mine.then(over).then(forget, forget)
  return mine
}
