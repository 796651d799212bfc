import type { Readable } from 'node:stream'
import type { Descriptor } from '../../../oci/descriptor.ts'
import type { LayerCompression } from '../../../oci/image-form.ts'
import type { OpOptions } from '../../../util/progress.ts'

/** Where a build cache is kept outside of the store. */
export type CacheAddress =
  | { readonly type: 'registry'; readonly ref: string }
  /** An OCI layout in a folder; `tag` names one of several caches in it. */
  | { readonly type: 'local'; readonly path: string; readonly tag: string; readonly digest?: string }
  | S3Address
  | ActionsAddress

/** A bucket of S3. Objects are named `prefix`, then a prefix of blobs or manifests, then the digest or the name. */
export interface S3Address {
  readonly type: 's3'
  readonly bucket: string
  readonly region: string
  /** Of the caches to write; the first of them that is there is read. */
  readonly names: readonly string[]
  readonly prefix: string
  readonly blobsPrefix: string
  readonly manifestsPrefix: string
  readonly endpoint?: string
  readonly pathStyle: boolean
  readonly credentials?: {
    readonly accessKeyId: string
    readonly secretAccessKey: string
    readonly sessionToken?: string
  }
}

/** The cache of GitHub Actions. */
export interface ActionsAddress {
  readonly type: 'gha'
  readonly url: string
  readonly token: string
  /** Names one of several caches. */
  readonly scope: string
}

/** What `--cache-from` asks for. */
export interface CacheImport {
  readonly address: CacheAddress
  /** Most bytes of a cache mount that is brought; 0: none is. */
  readonly mountBytes: number
}

/** What `--cache-to` asks for. `inline` puts the records into the image itself. */
export interface CacheExport {
  readonly address: CacheAddress | { readonly type: 'inline' }
  /** Most bytes of a cache mount that goes with it; 0: none does. */
  readonly mountBytes: number
  /** `min` keeps what the image is made of, `max` every step. */
  readonly mode: 'min' | 'max'
  readonly compression: LayerCompression
  /** A failure is a warning. */
  readonly ignoreError: boolean
}

/** A manifest with its config, as it was found. */
export interface FoundManifest {
  readonly layers: readonly Descriptor[]
  readonly config: Descriptor
  /** Bytes of the config. */
  readonly document: Buffer
}

/** One place, opened. Everything read is verified against its descriptor. */
export interface CachePlace {
  /** Shown in progress and warnings; never with a password. */
  readonly name: string
  /** The manifests that are kept under its name: of an index the manifest of each image. Empty when there is nothing. */
  read(options: OpOptions): Promise<readonly FoundManifest[]>
  has(blob: Descriptor): Promise<boolean>
  /** Fails before its end when size or digest are not those of the descriptor. */
  fetch(blob: Descriptor, options: OpOptions): Promise<Readable>
  write(blob: Descriptor, body: Readable, options: OpOptions): Promise<void>
  /** Names the manifest, whose parts have been written. */
  publish(manifest: Descriptor, raw: Buffer, options: OpOptions): Promise<void>
}

/** Lent by the engine: places that need more than the file system. */
export type OpenCachePlace = (address: Exclude<CacheAddress, { type: 'local' }>) => Promise<CachePlace>
