import type { Descriptor } from './descriptor.ts'

/** Source: OCI image-spec 1.1, manifest.md; Docker's schema 2 has the same shape. */
export interface Manifest {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly config: Descriptor
  readonly layers: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** Source: OCI image-spec 1.1, image-index.md; Docker's manifest list has the same shape. */
export interface Index {
  readonly schemaVersion: 2
  readonly mediaType?: string
  readonly artifactType?: string
  readonly manifests: readonly Descriptor[]
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** A manifest or index with the exact bytes it was parsed from: those are what the digest names, never a re-serialisation. */
export type ManifestDocument =
  | {
      readonly kind: 'manifest'
      readonly manifest: Manifest
      readonly descriptor: Descriptor
      readonly raw: Buffer
    }
  | { readonly kind: 'index'; readonly index: Index; readonly descriptor: Descriptor; readonly raw: Buffer }
