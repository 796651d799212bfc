import { gzipSync } from 'node:zlib'
import { Readable } from 'node:stream'
import { canonicalJson } from '../../src/oci/canonical-json.ts'
import type { ImageConfig } from '../../src/oci/config.ts'
import type { ContentTarget } from '../../src/oci/content.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { parseDiffId, sha256 } from '../../src/oci/digest.ts'
import type { Index, Manifest } from '../../src/oci/manifest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { hostPlatform } from '../../src/oci/platform.ts'
import type { Platform } from '../../src/oci/platform.ts'

export interface RandomImageOptions {
  /** Different seeds, different images; the same seed, the same bytes. */
  readonly seed?: number
  /** Default 2. */
  readonly layers?: number
  /** Bytes of each layer's one file; default 3,000. */
  readonly layerSize?: number
  readonly platform?: Platform
}

export interface RandomImage {
  readonly manifest: Manifest
  readonly descriptor: Descriptor
  readonly config: ImageConfig
  /** Everything, children first; the last one is the manifest. */
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[]
}

/** A proper image of random files, the same for the same seed. */
export function randomImage(options: RandomImageOptions = {}): RandomImage {
  const { seed = 1, layers: count = 2, layerSize = 3000, platform = hostPlatform() } = options
  const layers = Array.from({ length: count }, (_, index) => {
    const tar = tarOfFile(`file-${seed}-${index}`, randomBytes(seed * 1000 + index, layerSize))
    return { tar, blob: blobOf(mediaTypes.ociLayerGzip, gzipSync(tar, { level: 1 })) }
  })
  const config: ImageConfig = {
    created: '2024-01-01T00:00:00Z',
    architecture: platform.architecture,
    os: platform.os,
    config: { Cmd: ['/file'], Labels: { seed: String(seed) } },
    rootfs: { type: 'layers', diff_ids: layers.map(({ tar }) => parseDiffId(sha256(tar))) },
    history: layers.map((_, index) => ({ created: '2024-01-01T00:00:00Z', created_by: `layer ${index}` })),
  }
  const configBlob = blobOf(mediaTypes.ociConfig, canonicalJson(config))
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: configBlob.descriptor,
    layers: layers.map(({ blob }) => blob.descriptor),
  }
  const manifestBlob = blobOf(mediaTypes.ociManifest, canonicalJson(manifest))
  return {
    manifest,
    descriptor: manifestBlob.descriptor,
    config,
    blobs: [configBlob, ...layers.map(({ blob }) => blob), manifestBlob],
  }
}

/** An index over `images`, each for its own platform. */
export function randomIndex(images: readonly RandomImage[]): {
  descriptor: Descriptor
  bytes: Buffer
  index: Index
} {
  const manifests = images.map(({ descriptor, config: { os, architecture } }) => ({
    ...descriptor,
    platform: { os, architecture },
  }))
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
  return { ...blobOf(mediaTypes.ociIndex, canonicalJson(index)), index }
}

export async function pushImage(target: ContentTarget, image: RandomImage): Promise<void> {
  for (const { descriptor, bytes } of image.blobs) await target.push(descriptor, Readable.from([bytes]))
}

/** Pseudo-random bytes (xorshift32), the same for the same seed. */
export function randomBytes(seed: number, length: number): Buffer {
  const bytes = Buffer.alloc(length)
  let state = (seed * 2654435761 + 1) >>> 0 || 1
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state & 0xff
  }
  return bytes
}

function blobOf(mediaType: string, bytes: Buffer): { descriptor: Descriptor; bytes: Buffer } {
  return { descriptor: { mediaType, digest: sha256(bytes), size: bytes.length }, bytes }
}

/** A ustar archive of one file. Source: POSIX.1-2017, pax, "ustar Interchange Format". */
function tarOfFile(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  const fields: readonly (readonly [number, string])[] = [
    [0, name],
    [100, octal(0o644, 8)],
    [108, octal(0, 8)],
    [116, octal(0, 8)],
    [124, octal(bytes.length, 12)],
    [136, octal(1_700_000_000, 12)],
    [148, '        '],
    [156, '0'],
    [257, 'ustar\x0000'],
  ]
  for (const [at, text] of fields) header.write(text, at, 'latin1')
  const sum = header.reduce((total, byte) => total + byte, 0)
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  const padding = Buffer.alloc((512 - (bytes.length % 512)) % 512)
  return Buffer.concat([header, bytes, padding, Buffer.alloc(1024)])
}
