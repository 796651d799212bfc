import type { Digest } from './digest.ts'
import type { Platform } from './platform.ts'

/** Names one blob by type, digest and size in bytes. Source: OCI image-spec 1.1, descriptor.md. */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly platform?: Platform
  readonly annotations?: Readonly<Record<string, string>>
  readonly artifactType?: string
  readonly urls?: readonly string[]
  /** The blob itself in base64, when embedded. */
  readonly data?: string
}
