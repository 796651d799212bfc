import type { Readable } from 'node:stream'
import type { ContentTarget } from '../oci/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { ChainId, DiffId, Digest } from '../oci/digest.ts'
import type { ImageConfig } from '../oci/config.ts'
import type { BlobWriter } from './blob-writer.ts'
import type { RecordKind, RecordStore } from './record-store.ts'
import type { BuildReportText, CollectReport, Damage, PartialDownload } from './reports.ts'
import type { StoredEntry } from './layers/stored-entry.ts'
import type { OpOptions } from '../util/progress.ts'
import type { EventLog } from './event-log.ts'
import type { FileBody } from './file-body.ts'
import type { GrowingFile } from '../util/growing-file.ts'
import type { Snapshotter } from './snapshotter.ts'

/**
 * Everything mille keeps below one root folder (mode 0700). Several processes may have one store open at once.
 * Order of every commit: data, fsync, rename, fsync of the folder, SQLite commit (reliability I3).
 */
export interface Store extends AsyncDisposable {
  /** Absolute path. */
  readonly root: string
  readonly content: BlobStore
  readonly layers: LayerStore
  readonly snapshots: Snapshotter
  readonly images: ImageStore
  readonly cache: CacheStore
  readonly events: EventLog
  /** Rows of `containers`, `volumes` and `networks`, each kind with unique ids and names. */
  records<Data>(kind: RecordKind): RecordStore<Data>
  /** A folder of the store for one concept (`containers/<id>`, `volumes`, `contexts`), made 0700 when missing. */
  folder(...parts: readonly string[]): Promise<string>
  /** Protects work in flight from collection until disposed, or until this process is dead. */
  lease(purpose: string, options?: LeaseOptions): Promise<Lease>
  /** Names of what leases of living processes hold: digests, chains, image IDs. */
  held(): ReadonlySet<string>
  /** A lock between processes, freed by the kernel when the holder dies. Fails with STORE_LOCK_TIMEOUT naming the holder. */
  lock(name: string, options?: LockOptions): Promise<AsyncDisposable>
  /** Removes what is neither reachable nor leased. Safe at any moment beside any other work. */
  collect(options?: CollectOptions): Promise<CollectReport>
  /** Verifies every blob and every reference; reports damage. */
  check(options?: CheckOptions): Promise<readonly Damage[]>
  /** What failed downloads left. It goes with a collection of `partials`, else when it was not used for a week. */
  partials(): Promise<readonly PartialDownload[]>
}

export interface CollectOptions extends OpOptions {
  /** Takes unfinished downloads too, but for those that are going on. */
  readonly partials?: boolean
}

export interface CheckOptions extends OpOptions {
  /** Puts damaged blobs aside, so that pulling, loading or building their image again mends it. */
  readonly repair?: boolean
}

export interface LockOptions extends OpOptions {
  /** Milliseconds to wait before failing; default 60,000. 0 tries once. */
  readonly timeout?: number
  readonly shared?: boolean
  /** Asked at the lock's end: true keeps its file for the next holder, as making and deleting one takes 1 ms. */
  readonly lasting?: () => boolean
}

export interface BlobInfo {
  readonly digest: Digest
  readonly size: number
}

export interface IngestOptions extends OpOptions {
  readonly expected?: { readonly digest?: Digest; readonly size?: number }
  /** Holds the blob as soon as it is visible. */
  readonly lease?: Lease
  /** Sees all bytes on their way, in order. */
  readonly onBytes?: (bytes: Buffer) => void
}

/** Content-addressed blobs at `blobs/sha256/<hex>`, the OCI image layout. An uncompressed layer tar is a blob like any other. */
export interface BlobStore extends ContentTarget {
  ingest(body: Readable | Uint8Array, options?: IngestOptions): Promise<BlobInfo>
  /**
   * One writer per key over all processes; an unfinished one is found again under its key, with its `offset`.
   * `size`, where it is known: NO_SPACE at once when the rest cannot fit.
   */
  openWriter(key: string, options?: OpOptions & { readonly size?: number }): Promise<BlobWriter>
  stat(digest: Digest): Promise<BlobInfo | undefined>
  /** A whole small blob (at most `limit` bytes, default 4 MiB), verified. */
  read(digest: Digest, limit?: number): Promise<Buffer>
  /** Where the blob's bytes lie, for mounting and sendfile. Readers of the path verify for themselves. */
  path(digest: Digest): string
  /** A fresh unguessable path on the store's own file system for a file being made; left-overs go at the next open. */
  temporaryPath(): string
  /**
   * Publishes a finished file of `temporaryPath()` as the blob `info`: fsync, rename, fsync of the folder. The caller
   * hashed every byte while writing it. When the blob exists already the file is dropped. No syncs under a deferred lease.
   */
  adopt(path: string, info: BlobInfo, lease?: Lease): Promise<void>
  /** A downloaded blob that turned out to be of no use: it waits for no image any more, the next collection takes it. */
  forgetDownload(digest: Digest): void
  list(): AsyncIterable<BlobInfo>
  /** Only the collector deletes. */
  delete(digest: Digest): Promise<void>
}

export interface LayerInfo {
  readonly diffId: DiffId
  /** Bytes of the uncompressed tar. */
  readonly size: number
  readonly entries: number
}

export type LayerEntryType =
  | 'file'
  | 'directory'
  | 'symlink'
  | 'hardlink'
  | 'char'
  | 'block'
  | 'fifo'
  /** `path` is what disappears. */
  | 'whiteout'
  /** `path` is the directory whose lower content disappears. */
  | 'opaque'

export interface LayerEntry {
  /** Relative to the root, no leading slash, `/` between parts; latin1-encoded bytes when not UTF-8 are the tar module's concern. */
  readonly path: string
  readonly type: LayerEntryType
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch, as written to the tar. */
  readonly mtime: bigint
  /** What RUN steps on this machine see, when it differs from `mtime`. */
  readonly localMtime?: bigint | undefined
  readonly size?: number
  readonly body?: FileBody
  readonly linkTarget?: string | undefined
  readonly device?: { readonly major: number; readonly minor: number } | undefined
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined
}

export interface LayerOptions extends OpOptions {
  readonly lease?: Lease
}

export interface InflateOptions extends LayerOptions {
  /** The blob while it is still fetched: read along as it comes. Whoever writes it verifies it. */
  readonly growing?: GrowingFile
}

/** Uncompressed layer tars, kept as blobs named by their diff ID. */
export interface LayerStore {
  find(diffId: DiffId): Promise<LayerInfo | undefined>
  /** From a compressed (or plain) layer blob of the content store; DIFFID_MISMATCH when `expected` is not met. */
  inflate(blob: Descriptor, expected: DiffId | undefined, options?: InflateOptions): Promise<LayerInfo>
  /** Any blob: if it is a layer tar, what is in it is noted on the way, so that `inflate` need not read it again. */
  keep(blob: Readable, options?: Omit<IngestOptions, 'onBytes'>): Promise<BlobInfo>
  /** A new layer from entries, by the deterministic writer: entries are sorted, owners numeric, bytes hashed while written. */
  write(entries: Iterable<LayerEntry> | AsyncIterable<LayerEntry>, options?: LayerOptions): Promise<LayerInfo>
  /** A ready tar stream whose bytes are kept exactly (import, load). Checks entries against the attack table. */
  ingest(tar: Readable, options?: LayerOptions): Promise<LayerInfo>
  /** Several layers, bottom first, as one with the same effect on what lies below (squash, A26). */
  merge(diffIds: readonly DiffId[], options?: LayerOptions): Promise<LayerInfo>
  /** Streams the tar, verified against the diff ID. */
  open(diffId: DiffId): Promise<Readable>
  /** The checked entries, in the tar's order. LAYER_NOT_FOUND. */
  entries(diffId: DiffId): Promise<readonly StoredEntry[]>
  /** Times (nanoseconds) that files of the layer show on this machine only: its tar has a constant in their place. */
  localTimes(diffId: DiffId): Promise<Iterable<bigint>>
  /** The blob that `keepForm` noted last for this encoding of the layer (`gzip-4`); it may be gone meanwhile. */
  findForm(diffId: DiffId, encoding: string): Promise<BlobInfo | undefined>
  keepForm(diffId: DiffId, encoding: string, blob: BlobInfo): Promise<void>
  /** Drops what is kept about a layer beside its blob; only the collector calls it, after the blob is gone. */
  forget(diffId: DiffId): Promise<void>
}

/** What a lease or a record keeps alive. */
export type Resource =
  | { readonly kind: 'blob'; readonly digest: Digest }
  | { readonly kind: 'chain'; readonly chain: ChainId }
  | { readonly kind: 'image'; readonly id: Digest }

export interface LeaseOptions {
  /**
   * Blobs, layers and chains made under this lease are not synced one by one: `images.put` and `images.create` make
   * them durable together. Until then a power cut takes them, and every cache record that names them, as a whole.
   * For work that ends in one image: the export of a build is one.
   */
  readonly deferred?: boolean
}

export interface Lease extends AsyncDisposable {
  readonly id: string
  readonly deferred: boolean
  /** Effective when it returns: what is there afterwards stays. So hold first, then look whether it exists. */
  hold(...resources: readonly Resource[]): void
  /**
   * To be asked just before `resource` is made visible: true when it is noted as not yet durable and may be published
   * as it is; false when the caller has to sync it first (the lease is not `deferred`).
   */
  defer(resource: VolatileResource): boolean
}

export type VolatileResource = Exclude<Resource, { readonly kind: 'image' }>

/**
 * One image: its ID is the digest of its config. Or several under an index, one a platform: then the ID is the index's
 * digest, and the config is of this machine's platform, else of the first.
 */
export interface ImageRecord {
  readonly id: Digest
  /** The manifest or index that this image was built, pulled or loaded as. */
  readonly manifest: Descriptor
  readonly config: ImageConfig
  /** Canonical names (`docker.io/library/alpine:latest`), oldest first; none for a dangling image. */
  readonly names: readonly string[]
  /** `docker.io/library/alpine@sha256:…` for each repository it was pulled from or pushed to. */
  readonly repoDigests: readonly string[]
  /** Image it was built from (A05, B's `image tree`), when that is known. */
  readonly parent?: Digest
  /** When it was built, pulled or loaded *here*, milliseconds since the epoch. */
  readonly addedAt: number
  /** Order of insertion; right even when the clock jumped. */
  readonly sequence: number
  /** Sum of the uncompressed tars, bytes. */
  readonly size: number
}

export interface NewImage {
  readonly manifest: Descriptor
  /** Digest of the config, or of the index. All documents and layers must be in the content store. */
  readonly id: Digest
  readonly names?: readonly string[]
  readonly repoDigests?: readonly string[]
  readonly parent?: Digest
  /** How it was built: takes the place of an older report. */
  readonly report?: BuildReportText
}

/** What an image is made from, for build, commit, import, squash. */
export interface ImageDraft {
  readonly config: ImageConfig
  /** One per diff ID of the config, bottom first; default: the uncompressed tars. */
  readonly layers?: readonly Descriptor[]
  readonly names?: readonly string[]
  readonly parent?: Digest
  readonly annotations?: Readonly<Record<string, string>>
}

export interface ImageStore {
  list(): ImageRecord[]
  get(id: Digest): ImageRecord | undefined
  /** By canonical name or `repo@digest` (exactly), or by ID: whole, or a prefix of at least one hex digit; AMBIGUOUS_ID when several match. */
  find(nameOrId: string): ImageRecord | undefined
  /** The images of an index, as records with the manifest, config and size of each; of a single image that itself. */
  members(record: ImageRecord): readonly ImageRecord[]
  /** Records a complete image in one transaction (all or nothing); names move here from other images. */
  put(image: NewImage): ImageRecord
  /** Writes config and manifest as blobs (canonical JSON), then `put`. Same draft, same digests, everywhere. */
  create(draft: ImageDraft, lease?: Lease): Promise<ImageRecord>
  tag(name: string, id: Digest): void
  addRepoDigest(repoDigest: string, id: Digest): void
  /** Drops a name or a repo digest; false when there was none. The image stays, dangling when it was the last name. */
  untag(name: string): boolean
  /**
   * Drops the record with its names and repo digests; blobs go with the next collection. With `names`, only when it has
   * no others: false when somebody named it meanwhile.
   */
  remove(id: Digest, names?: readonly string[]): boolean
  /** Of the last build that led to this image. */
  report(id: Digest): BuildReportText | undefined
  /** Of all images that were built in this scope. */
  reports(scope: string): BuildReportText[]
}

export interface Ingredient {
  /** Reason class: `text`, `argument`, `environment`, `base`, `file`, `platform`, `input`, … */
  readonly kind: string
  /** What it is: an ARG's name, a path in the context, … */
  readonly name: string
  readonly value: string
  /** What people know it by, where the value says nothing to them or must not be seen. */
  readonly shown?: string
}

export interface CacheRecord {
  readonly key: Digest
  /** Names the same step over edits of it (Dockerfile, stage, position), to find what a miss differs from. */
  readonly lineage: string
  readonly ingredients: readonly Ingredient[]
  readonly description: string
  /** The result's layer stack, when the step has one: kept alive by the record. */
  readonly chain?: ChainId
  readonly diffIds?: readonly DiffId[]
  /** The builder's own data, JSON. */
  readonly data: unknown
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly uses: number
  readonly size: number
}

export interface CacheStore {
  find(key: Digest): CacheRecord | undefined
  put(record: Omit<CacheRecord, 'createdAt' | 'lastUsedAt' | 'uses'>): void
  /** Counts a use. */
  touch(key: Digest): void
  /** Newest first. */
  lineage(lineage: string, limit?: number): CacheRecord[]
  /** Newest first, of every lineage that begins so. */
  lineages(prefix: string, limit?: number): CacheRecord[]
  list(): CacheRecord[]
  remove(keys: readonly Digest[]): void
}
