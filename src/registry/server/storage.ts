import type { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ManifestFacts } from './manifest-facts.ts'

/** Bytes `start` to `end` of a blob, both included. */
export interface ByteRange {
  readonly start: number
  readonly end: number
}

/** Who may use an upload session: only requests for the same repository by the same user. */
export interface UploadOwner {
  readonly repository: string
  /** Empty when the registry asks for no login. */
  readonly user: string
}

/** A chunk of an upload. Without `start` it goes where the upload stands; without `length` its end is not known. */
export interface UploadChunk {
  readonly start?: number
  readonly length?: number
}

export interface StoredManifest {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Buffer
}

export interface NewManifest extends StoredManifest, ManifestFacts {
  /** Set with the manifest, in one step. */
  readonly tags?: readonly string[]
  /** Nothing that is there is changed: a tag of another manifest stays, and is TAG_IMMUTABLE. */
  readonly createOnly?: boolean
}

export interface ReferrersPage extends Page {
  /** Of this type alone. */
  readonly artifactType?: string
  /** Descriptors go on until they have so many bytes; one is given whatever it has. */
  readonly maxBytes: number
}

export interface Referrers {
  /** Sorted by digest: `after` is one. */
  readonly descriptors: readonly Descriptor[]
  readonly more: boolean
}

export interface Page {
  /** Names that sort after this one, whether or not it exists. */
  readonly after?: string
  readonly limit: number
}

/** Blobs as files of the same file system instead of bytes, from who may write to the registry's folder. */
export interface HandOverPlace {
  /** By it a client knows the registry of its own store. */
  readonly instance: string
  /** Makes the file that was put there for the upload a blob of the repository; false when there is none. BLOB_UPLOAD_UNKNOWN. */
  finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<boolean>
}

/**
 * What a registry keeps. Repository names and tags were checked by the caller. Whatever a call reports as done is
 * durable; every call leaves the old or the new state, also when the process is killed in it.
 * A repository exists from its first blob or manifest to its last. Names are sorted by their bytes.
 */
export interface RegistryStorage extends AsyncDisposable {
  readonly handOver?: HandOverPlace | undefined
  /** Size of a blob that this repository holds; one that only another repository holds is undefined. */
  statBlob(repository: string, digest: Digest): Promise<number | undefined>
  /**
   * The blob's bytes. Without a range the stream checks size and digest, and fails before its last bytes when they are
   * wrong; such a blob is gone afterwards. Throws BLOB_UNKNOWN, BLOB_DAMAGED.
   */
  readBlob(repository: string, digest: Digest, range?: ByteRange): Promise<Readable>
  /** Lets `repository` hold a blob that `from` holds; false when `from` does not. */
  mountBlob(repository: string, digest: Digest, from: string): Promise<boolean>
  /** Takes the blob from this repository; its bytes go when no repository holds it. False when it was not there. */
  deleteBlob(repository: string, digest: Digest): Promise<boolean>

  /** Begins an upload; its id is random. Throws TOO_MANY_UPLOADS. */
  openUpload(owner: UploadOwner): Promise<string>
  /** Bytes received so far. Throws BLOB_UPLOAD_UNKNOWN, also to anyone but the owner. */
  uploadOffset(owner: UploadOwner, id: string): Promise<number>
  /**
   * Appends and returns the new offset. A body that breaks off leaves what came of it; one that is not as long as the
   * chunk says leaves nothing. Throws UPLOAD_RANGE (`details.offset`), SIZE_INVALID, BLOB_UPLOAD_UNKNOWN.
   */
  appendUpload(owner: UploadOwner, id: string, chunk: UploadChunk, body: Readable): Promise<number>
  /**
   * Makes the upload a blob of the repository. Done again for the same upload and digest, it changes nothing.
   * Throws UPLOAD_DIGEST_MISMATCH, which ends the upload, and BLOB_UPLOAD_UNKNOWN.
   */
  finishUpload(owner: UploadOwner, id: string, digest: Digest): Promise<void>
  /** Throws BLOB_UPLOAD_UNKNOWN. */
  cancelUpload(owner: UploadOwner, id: string): Promise<void>
  /**
   * Removes uploads that nothing was added to for `idle` ms; returns how many. Counted by this process, from its start
   * for those it found: a clock that is set by years ends no upload (B-ST-15).
   */
  expireUploads(idle: number): Promise<number>

  findManifest(repository: string, tagOrDigest: string): Promise<StoredManifest | undefined>
  /**
   * All or nothing, and of several calls at once some serial order. Throws MANIFEST_BLOB_UNKNOWN for a blob the repository
   * lacks, MANIFEST_INVALID for one of another size, TAG_IMMUTABLE.
   */
  putManifest(repository: string, manifest: NewManifest): Promise<void>
  /** Deletes the manifest and its tags; false when it was not there. */
  deleteManifest(repository: string, digest: Digest): Promise<boolean>
  /** Deletes the tag, not its manifest; false when it was not there. */
  deleteTag(repository: string, tag: string): Promise<boolean>
  /** Undefined when the repository does not exist. */
  listTags(repository: string, page: Page): Promise<readonly string[] | undefined>
  listRepositories(page: Page): Promise<readonly string[]>
  /** Manifests of the repository whose subject is `subject`, which need not be there. */
  listReferrers(repository: string, subject: Digest, page: ReferrersPage): Promise<Referrers>
}
