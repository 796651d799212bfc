import { Readable } from 'node:stream'
import type { Descriptor } from '../../../oci/descriptor.ts'
import { digestHex, isDigest, parseDigest, sha256 } from '../../../oci/digest.ts'
import type { Digest } from '../../../oci/digest.ts'
import { verifiedStream } from '../../../oci/verified-stream.ts'
import { eachLimited } from '../../../util/each-limited.ts'
import { failure } from '../../../util/errors.ts'
import type {
  ByteRange,
  NewManifest,
  Page,
  Referrers,
  ReferrersPage,
  RegistryStorage,
  StoredManifest,
  UploadChunk,
  UploadOwner,
} from '../storage.ts'
import { Bucket, type BucketOptions } from './bucket.ts'
import {
  blobFolder,
  linkKey,
  manifestFolder,
  manifestKey,
  namesFolder,
  placeKey,
  referrerKey,
  referrersFolder,
  subjectKey,
  tagFolder,
  taggedFolder,
  tagKey,
} from './repository-keys.ts'
import { S3Uploads } from './s3-uploads.ts'

export interface S3StorageOptions extends BucketOptions {
  /** Most uploads open at once, counted over all replicas within 10 seconds; default 1,000. */
  readonly maxUploads?: number
}

/** The content of a link: where a blob's bytes lie. */
interface Place {
  readonly key: string
  readonly size: number
}

/** Requests of one call at once. */
const atOnce = 8

/**
 * A registry in a bucket of S3, for any number of processes at once, which share nothing else. Each change is one object
 * put last, so that every reader sees the old or the new state. Throws REGISTRY_BUCKET_FAILED.
 *
 * Not promised, as buckets without conditional puts cannot: two chunks sent to one upload at the same moment through two
 * replicas may make its digest wrong (it is then refused); of two pushes of one tag at the same moment the later one stays,
 * also where tags may only be created.
 */
export async function openS3Storage(options: S3StorageOptions): Promise<RegistryStorage> {
  const bucket = await Bucket.open(options)
  return new S3Storage(bucket, options.maxUploads ?? 1000)
}

class S3Storage implements RegistryStorage {
  readonly #bucket: Bucket
  readonly #uploads: S3Uploads

  constructor(bucket: Bucket, maxUploads: number) {
    this.#bucket = bucket
    this.#uploads = new S3Uploads(bucket, maxUploads, async (key, repository, digest) => {
      const places = [linkKey(repository, digest), placeKey(digest)].map((at) => this.#place(at))
      return (await Promise.all(places)).some((place) => place?.key === key)
    })
  }

  async statBlob(repository: string, digest: Digest): Promise<number | undefined> {
    return (await this.#place(linkKey(repository, digest)))?.size
  }

  async readBlob(repository: string, digest: Digest, range?: ByteRange): Promise<Readable> {
    const place = await this.#place(linkKey(repository, digest))
    const body = place && (place.size === 0 ? undefined : await this.#bucket.stream(place.key, range))
    if (place === undefined || (body === undefined && place.size > 0)) {
      throw failure('BLOB_UNKNOWN', { digest, repository })
    }
    if (body === undefined) return Readable.from([])
    if (range !== undefined) return body
    const onMismatch = async (): Promise<void> => this.#forget(repository, digest, place)
    return verifiedStream(body, { digest, size: place.size }, { onMismatch })
  }

  async mountBlob(repository: string, digest: Digest, from: string): Promise<boolean> {
    const place = await this.#place(linkKey(from, digest))
    if (place !== undefined) await this.#link(repository, digest, place)
    return place !== undefined
  }

  async deleteBlob(repository: string, digest: Digest): Promise<boolean> {
    const key = linkKey(repository, digest)
    if ((await this.#place(key)) === undefined) return false
    await this.#bucket.remove(key)
    await this.#dropEmptyName(repository)
    return true
  }

  async openUpload(owner: UploadOwner): Promise<string> {
    return this.#uploads.open(owner)
  }

  async uploadOffset(owner: UploadOwner, id: string): Promise<number> {
    return this.#uploads.offset(owner, id)
  }

  async appendUpload(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number> {
    return this.#uploads.append(owner, id, chunk, body)
  }

  async finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<void> {
    await this.#uploads.finish(owner, id, digest, async (place) => {
      const known = await this.#place(placeKey(digest))
      const isThere = known !== undefined && (await this.#bucket.size(known.key)) === place.size
      if (!isThere) await this.#bucket.put(placeKey(digest), JSON.stringify(place))
      await this.#link(owner.repository, digest, isThere ? known : place)
      // the same bytes twice are kept once
      if (isThere && known.key !== place.key) await this.#bucket.remove(place.key)
    })
  }

  async cancelUpload(owner: UploadOwner, id: string): Promise<void> {
    await this.#uploads.cancel(owner, id)
  }

  async expireUploads(idle: number): Promise<number> {
    return this.#uploads.expire(idle)
  }

  async findManifest(repository: string, tagOrDigest: string): Promise<StoredManifest | undefined> {
    const digest = isDigest(tagOrDigest) ? tagOrDigest : await this.#taggedDigest(repository, tagOrDigest)
    const found = digest && (await this.#bucket.get(manifestKey(repository, digest)))
    if (found === undefined || digest === undefined) return undefined
    const { bytes, mediaType } = found
    if (sha256(bytes) !== digest)
      throw failure('BLOB_DAMAGED', { digest, reason: 'other bytes in the bucket' })
    return { mediaType, digest, bytes }
  }

  async putManifest(repository: string, manifest: NewManifest): Promise<void> {
    const { digest, mediaType, bytes, tags = [], blobs, referrer, createOnly = false } = manifest
    for (const tag of createOnly ? tags : []) {
      const tagged = await this.#taggedDigest(repository, tag)
      if (tagged !== undefined && tagged !== digest) throw failure('TAG_IMMUTABLE', { tag, repository })
    }
    await eachLimited(blobs, atOnce, async (blob) => {
      const size = await this.statBlob(repository, blob.digest)
      if (size === undefined) throw failure('MANIFEST_BLOB_UNKNOWN', { digest: blob.digest, repository })
      if (size === blob.size) return
      throw failure('MANIFEST_INVALID', { reason: `${blob.digest} has ${size} bytes, not ${blob.size}` })
    })
    await this.#bucket.put(manifestKey(repository, digest), bytes, mediaType)
    await this.#addName(repository)
    if (referrer !== undefined) {
      const { subject, descriptor } = referrer
      await this.#bucket.put(subjectKey(repository, digest), subject)
      await this.#bucket.put(referrerKey(repository, subject, digest), JSON.stringify(descriptor))
    }
    for (const tag of tags) {
      // before the tag: who deletes the manifest must find it
      await this.#bucket.put(taggedFolder(repository, digest) + tag, '')
      await this.#bucket.put(tagKey(repository, tag), digest)
    }
  }

  async deleteManifest(repository: string, digest: Digest): Promise<boolean> {
    const key = manifestKey(repository, digest)
    if ((await this.#bucket.size(key)) === undefined) return false
    const subject = await this.#bucket.get(subjectKey(repository, digest))
    if (subject !== undefined) {
      await this.#bucket.remove(referrerKey(repository, parseDigest(subject.bytes.toString()), digest))
      await this.#bucket.remove(subjectKey(repository, digest))
    }
    // before the tags: a tag without its manifest is no tag
    await this.#bucket.remove(key)
    const folder = taggedFolder(repository, digest)
    await eachLimited(await this.#bucket.list(folder, { limit: Infinity }), atOnce, async (found) => {
      const tag = found.key.slice(folder.length)
      if ((await this.#taggedDigest(repository, tag)) === digest)
        await this.#bucket.remove(tagKey(repository, tag))
      await this.#bucket.remove(found.key)
    })
    await this.#dropEmptyName(repository)
    return true
  }

  async deleteTag(repository: string, tag: string): Promise<boolean> {
    const digest = await this.#taggedDigest(repository, tag)
    if (digest === undefined) return false
    await this.#bucket.remove(tagKey(repository, tag))
    await this.#bucket.remove(taggedFolder(repository, digest) + tag)
    return true
  }

  async listTags(repository: string, page: Page): Promise<readonly string[] | undefined> {
    const tags = await this.#listNames(tagFolder(repository), page)
    if (tags.length > 0 || (await this.#bucket.size(namesFolder + repository)) !== undefined) return tags
    return undefined
  }

  async listRepositories(page: Page): Promise<readonly string[]> {
    return this.#listNames(namesFolder, page)
  }

  async listReferrers(repository: string, subject: Digest, page: ReferrersPage): Promise<Referrers> {
    const { after, limit, artifactType, maxBytes } = page
    const folder = referrersFolder(repository, subject)
    const descriptors: Descriptor[] = []
    let bytes = 0
    let last = after === undefined ? undefined : folder + digestHex(parseDigest(after))
    for (;;) {
      const start = last === undefined ? {} : { after: last }
      const keys = await this.#bucket.list(folder, { ...start, limit: atOnce })
      const found = await Promise.all(keys.map(({ key }) => this.#bucket.get(key)))
      for (const text of found.map((object) => object?.bytes.toString() ?? 'null')) {
        const descriptor = JSON.parse(text) as Descriptor | null
        if (descriptor === null) continue
        if (artifactType !== undefined && descriptor.artifactType !== artifactType) continue
        bytes += text.length
        const isFull = descriptors.length === limit || (descriptors.length > 0 && bytes > maxBytes)
        if (isFull) return { descriptors, more: true }
        descriptors.push(descriptor)
      }
      if (keys.length < atOnce) return { descriptors, more: false }
      last = keys.at(-1)?.key
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#bucket.close()
  }

  async #place(key: string): Promise<Place | undefined> {
    const found = await this.#bucket.get(key)
    return found && (JSON.parse(found.bytes.toString()) as Place)
  }

  async #link(repository: string, digest: Digest, place: Place): Promise<void> {
    await this.#bucket.put(linkKey(repository, digest), JSON.stringify(place))
    await this.#addName(repository)
  }

  /** Takes damaged bytes from the repository, and from those that would get them anew, so that clients push them again. */
  async #forget(repository: string, digest: Digest, { key }: Place): Promise<void> {
    for (const place of [linkKey(repository, digest), placeKey(digest)]) {
      // a push that came meanwhile has healed it
      if ((await this.#place(place))?.key === key) await this.#bucket.remove(place)
    }
  }

  async #taggedDigest(repository: string, tag: string): Promise<Digest | undefined> {
    const found = await this.#bucket.get(tagKey(repository, tag))
    return found && parseDigest(found.bytes.toString())
  }

  async #addName(repository: string): Promise<void> {
    await this.#bucket.put(namesFolder + repository, '')
  }

  async #dropEmptyName(repository: string): Promise<void> {
    if (await this.#isHolding(repository)) return
    await this.#bucket.remove(namesFolder + repository)
    // what was pushed meanwhile wrote the name before it was gone: it is written again
    if (await this.#isHolding(repository)) await this.#addName(repository)
  }

  async #isHolding(repository: string): Promise<boolean> {
    for (const folder of [manifestFolder(repository), blobFolder(repository)]) {
      if ((await this.#bucket.list(folder, { limit: 1 })).length > 0) return true
    }
    return false
  }

  async #listNames(folder: string, { after, limit }: Page): Promise<readonly string[]> {
    const start = after === undefined ? {} : { after: folder + after }
    const found = await this.#bucket.list(folder, { ...start, limit })
    return found.map(({ key }) => key.slice(folder.length))
  }
}
