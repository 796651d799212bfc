import type { ImageConfig } from './config.ts'
import type { Descriptor } from './descriptor.ts'
import type { Digest } from './digest.ts'
import type { Platform } from './platform.ts'

/** An image whose layers are in the store and whose documents are still to be written. */
export interface ImageToCompose {
  readonly config: ImageConfig
  /** As it was asked for: what the index says of it. */
  readonly platform: Platform
  /** The image it was built on. */
  readonly parent?: Digest
  readonly attestation?: Attestation
}

/** What is stated about an image: it goes beside the image, into the index. */
export interface Attestation {
  /** Package URLs of the image, by which the statements name it. */
  readonly subjects: readonly string[]
  readonly predicates: readonly { readonly predicateType: string; readonly predicate: object }[]
}

/** One image, or several under one index, with all documents in the content store. */
export interface ComposedImage {
  /** The index, or the manifest of the only image. */
  readonly target: Descriptor
  readonly images: readonly ComposedMember[]
}

export interface ComposedMember {
  readonly platform: Platform
  /** Its digest is the image ID. */
  readonly config: Descriptor
  readonly manifest: Descriptor
  readonly parent?: Digest
}
