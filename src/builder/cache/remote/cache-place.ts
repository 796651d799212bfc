import type { Readable } from 'node:stream'
import type { Descriptor } from '../../../oci/descriptor.ts'
import type { LayerCompression } from '../../../oci/image-form.ts'
import type { OpOptions } from '../../../util/progress.ts'

/** Where a build cache is kept outside of the store. */
export type CacheAddress =
  | { readonly type: 'registry'; readonly ref: string }
  /** An OCI layout in a folder; `tag` names one of several caches in it. */
  | { readonly type: 'local'; readonly path: string; readonly tag: string; readonly digest?: string }

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
