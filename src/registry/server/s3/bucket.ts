import type * as Commands from '@aws-sdk/client-s3'
import type { Readable } from 'node:stream'
import { failure } from '../../../util/errors.ts'
import type { BucketSettings } from '../../settings/registry-settings.ts'
import type { ByteRange } from '../storage.ts'

export interface BucketOptions extends BucketSettings {
  /** Default: what AWS's own tools would take. */
  readonly credentials?: { readonly accessKeyId: string; readonly secretAccessKey: string }
}

export interface SmallObject {
  readonly bytes: Buffer
  readonly mediaType: string
}

export interface Part {
  readonly etag: string
  readonly size: number
}

export interface KeyPage {
  /** Keys that sort after this one. */
  readonly after?: string
  readonly limit: number
}

export interface ListedKey {
  readonly key: string
  /** By the clock of the bucket, ms. */
  readonly changed: number
}

type S3 = typeof Commands

/** What a bucket's server says of a thing that is not there, each in its own request. */
const absent = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload'])
const listed = 1000

/**
 * Objects of an S3 bucket under short keys. Errors: REGISTRY_BUCKET_FAILED, which names the bucket and no credential.
 * Needs of the bucket: what was put is found by the next get and list, from everywhere. It needs no conditional put.
 * Source: Amazon S3 API reference.
 */
export class Bucket {
  readonly #s3: S3
  readonly #client: Commands.S3Client
  readonly #name: string
  readonly #prefix: string

  private constructor(s3: S3, { prefix = '', ...options }: BucketOptions) {
    this.#s3 = s3
    this.#name = options.name
    this.#prefix = prefix
    this.#client = new s3.S3Client({
      region: options.region,
      forcePathStyle: options.pathStyle ?? false,
      ...(options.endpoint !== undefined && { endpoint: options.endpoint }),
      ...(options.credentials !== undefined && { credentials: options.credentials }),
      // many a server that is not Amazon's refuses the newer checksums
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      maxAttempts: 4,
    })
  }

  /** Loads Amazon's client, which no other command shall pay for. Throws REGISTRY_BUCKET_FAILED when the bucket cannot be used. */
  static async open(options: BucketOptions): Promise<Bucket> {
    const bucket = new Bucket(await import('@aws-sdk/client-s3'), options)
    await bucket.list('', { limit: 1 })
    return bucket
  }

  close(): void {
    this.#client.destroy()
  }

  async get(key: string): Promise<SmallObject | undefined> {
    return this.#maybe(async () => {
      const answer = await this.#client.send(new this.#s3.GetObjectCommand(this.#at(key)))
      const bytes = Buffer.from((await answer.Body?.transformToByteArray()) ?? [])
      return { bytes, mediaType: answer.ContentType ?? '' }
    })
  }

  /** An object's bytes as they come; what comes is not verified. */
  async stream(key: string, range?: ByteRange): Promise<Readable | undefined> {
    return this.#maybe(async () => {
      const part = range && { Range: `bytes=${range.start}-${range.end}` }
      const answer = await this.#client.send(new this.#s3.GetObjectCommand({ ...this.#at(key), ...part }))
      return answer.Body as Readable | undefined
    })
  }

  async size(key: string): Promise<number | undefined> {
    return this.#maybe(async () => {
      const answer = await this.#client.send(new this.#s3.HeadObjectCommand(this.#at(key)))
      return answer.ContentLength
    })
  }

  async put(key: string, bytes: Buffer | string, mediaType = 'application/octet-stream'): Promise<void> {
    const Body = Buffer.from(bytes)
    // said even where it is 0, which the client would warn of as unknown
    const object = { ...this.#at(key), Body, ContentLength: Body.length, ContentType: mediaType }
    await this.#tried(() => this.#client.send(new this.#s3.PutObjectCommand(object)))
  }

  async remove(key: string): Promise<void> {
    await this.#tried(() => this.#client.send(new this.#s3.DeleteObjectCommand(this.#at(key))))
  }

  /** Keys that begin with `start`, sorted by their bytes. */
  async list(start: string, { after, limit }: KeyPage): Promise<readonly ListedKey[]> {
    if (limit === 0) return []
    const found: ListedKey[] = []
    let last = after === undefined ? undefined : this.#prefix + after
    for (;;) {
      const page = await this.#tried(() =>
        this.#client.send(
          new this.#s3.ListObjectsV2Command({
            Bucket: this.#name,
            Prefix: this.#prefix + start,
            MaxKeys: Math.min(listed, limit - found.length),
            ...(last !== undefined && { StartAfter: last }),
          }),
        ),
      )
      for (const { Key = '', LastModified } of page.Contents ?? []) {
        found.push({ key: Key.slice(this.#prefix.length), changed: LastModified?.getTime() ?? 0 })
        last = Key
      }
      if (page.IsTruncated !== true || found.length >= limit) return found
    }
  }

  /** Begins an object that is made of parts; returns the id they are sent under. */
  async startParts(key: string): Promise<string> {
    const answer = await this.#tried(() =>
      this.#client.send(new this.#s3.CreateMultipartUploadCommand(this.#at(key))),
    )
    if (answer.UploadId === undefined) throw this.#failure('it began no upload')
    return answer.UploadId
  }

  /** `number` counts from 1; a part sent again replaces the one before. Undefined when there is no such upload. */
  async putPart(key: string, upload: string, number: number, bytes: Buffer): Promise<Part | undefined> {
    const part = { ...this.#at(key), UploadId: upload, PartNumber: number, Body: bytes }
    const answer = await this.#maybe(() => this.#client.send(new this.#s3.UploadPartCommand(part)))
    return answer?.ETag === undefined ? undefined : { etag: answer.ETag, size: bytes.length }
  }

  /** False when there is no such upload, or not any more. */
  async joinParts(key: string, upload: string, parts: readonly Part[]): Promise<boolean> {
    const Parts = parts.map(({ etag }, index) => ({ ETag: etag, PartNumber: index + 1 }))
    const input = { ...this.#at(key), UploadId: upload, MultipartUpload: { Parts } }
    const done = await this.#maybe(() =>
      this.#client.send(new this.#s3.CompleteMultipartUploadCommand(input)),
    )
    return done !== undefined
  }

  async dropParts(key: string, upload: string): Promise<void> {
    const input = { ...this.#at(key), UploadId: upload }
    await this.#maybe(() => this.#client.send(new this.#s3.AbortMultipartUploadCommand(input)))
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#name, Key: this.#prefix + key }
  }

  async #maybe<Result>(ask: () => Promise<Result>): Promise<Result | undefined> {
    try {
      return await this.#tried(ask)
    } catch (error) {
      const { cause } = error as Error
      if (cause instanceof this.#s3.S3ServiceException && absent.has(cause.name)) return undefined
      throw error
    }
  }

  async #tried<Result>(ask: () => Promise<Result>): Promise<Result> {
    try {
      return await ask()
    } catch (error) {
      throw this.#failure(error instanceof Error ? `${error.name}: ${error.message}` : String(error), error)
    }
  }

  #failure(reason: string, cause?: unknown): Error {
    return failure('REGISTRY_BUCKET_FAILED', { bucket: this.#name, reason }, { cause })
  }
}
