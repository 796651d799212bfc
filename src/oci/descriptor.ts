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

/** The same with its fields in the order in which everybody else writes them. */
export function inWireOrder(descriptor: Descriptor): Descriptor {
  const { mediaType, digest, size, urls, annotations, data, platform, artifactType } = descriptor
  return {
    mediaType,
    digest,
    size,
    ...(urls !== undefined && { urls }),
    ...(annotations !== undefined && { annotations }),
    ...(data !== undefined && { data }),
    ...(platform !== undefined && { platform: platformInWireOrder(platform) }),
    ...(artifactType !== undefined && { artifactType }),
  }
}

function platformInWireOrder(platform: Platform): Platform {
  const { os, architecture, variant, 'os.version': version, 'os.features': features } = platform
  return {
    architecture,
    os,
    ...(version !== undefined && { 'os.version': version }),
    ...(features !== undefined && { 'os.features': features }),
    ...(variant !== undefined && { variant }),
  }
}
