import { closeSync, createReadStream, readFileSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { openFileInRoot } from '../linux/open-in-root.ts'
import type { ImageConfig } from '../oci/config.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, sha256, type DiffId, type Digest } from '../oci/digest.ts'
import { documentLimit } from '../oci/document-fields.ts'
import { parseImageConfig } from '../oci/image-config.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import { choosePlatform, type Platform } from '../oci/platform.ts'
import type { Lease, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { layoutPath } from './archive-members.ts'
import { checkImageManifest, checkLayerCount } from './check-image.ts'
import { stackLayers } from './stack-layers.ts'

/** An image in a folder of the OCI layout; without tag and digest its only one, else the one tagged `latest`. */
export interface LayoutName {
  readonly folder: string
  readonly tag?: string | undefined
  readonly digest?: string | undefined
}

export interface LayoutImage {
  readonly folder: string
  readonly id: Digest
  /** Of its manifest. */
  readonly digest: Digest
  readonly config: ImageConfig
  readonly layers: readonly Descriptor[]
}

/** The image for `platform`, its documents verified; no layer is read. LAYOUT_INVALID, NO_SUCH_IMAGE, PLATFORM_NOT_FOUND. */
export function readLayoutImage(name: LayoutName, platform: Platform): LayoutImage {
  const { folder } = name
  const raw = readWhole(folder, 'index.json')
  if (raw === undefined) throw invalid(folder, 'it has no index.json')
  const document = parseManifestDocument(raw, mediaTypes.ociIndex)
  if (document.kind !== 'index') throw invalid(folder, 'index.json is no index')
  let descriptor = choose(name, document.index.manifests)
  for (let depth = 0; depth < 8; depth++) {
    const found = parseManifestDocument(readBlob(folder, descriptor), descriptor.mediaType)
    if (found.kind === 'manifest') return imageOf(folder, found.descriptor, found.manifest)
    descriptor = choosePlatform(found.index, platform)
  }
  throw invalid(folder, 'no image within 8 indexes')
}

/** Brings its layers into the store, stacked and held by `lease`. */
export async function applyLayoutImage(
  store: Store,
  { folder, config, layers }: LayoutImage,
  { lease, signal }: OpOptions & { readonly lease: Lease },
): Promise<void> {
  const diffIds = config.rootfs.diff_ids
  checkLayerCount(layers, config)
  await stackLayers(
    {
      store,
      lease,
      signal,
      async prepare({ layer, diffId }, stop) {
        lease.hold({ kind: 'blob', digest: layer.digest })
        lease.hold({ kind: 'blob', digest: diffIdAsDigest(diffId) })
        if ((await store.content.stat(layer.digest)) === undefined) {
          const expected = { digest: layer.digest, size: layer.size }
          await store.content.ingest(openBlob(folder, layer), { expected, lease, signal: stop })
        }
        await store.layers.inflate(layer, diffId, { lease, signal: stop })
      },
    },
    layers.map((layer, index) => ({ layer, diffId: diffIds[index] as DiffId })),
  )
}

function choose({ folder, tag, digest }: LayoutName, manifests: readonly Descriptor[]): Descriptor {
  const tagOf = ({ annotations }: Descriptor): string | undefined =>
    annotations?.['org.opencontainers.image.ref.name']?.replace(/^.*:/s, '')
  const [only] = manifests
  if (tag === undefined && digest === undefined && only !== undefined && manifests.length === 1) return only
  const found = manifests.find((one) =>
    digest === undefined ? tagOf(one) === (tag ?? 'latest') : one.digest === digest,
  )
  if (found !== undefined) return found
  const wanted = digest === undefined ? `tag ${tag ?? 'latest'}` : digest
  const tags = manifests.flatMap((one) => tagOf(one) ?? one.digest)
  throw invalid(folder, `no image with ${wanted}; there is ${tags.join(', ') || 'none'}`)
}

function imageOf(folder: string, { digest }: Descriptor, manifest: Manifest): LayoutImage {
  checkImageManifest(manifest)
  const config = parseImageConfig(readBlob(folder, manifest.config))
  return { folder, id: manifest.config.digest, digest, config, layers: manifest.layers }
}

function readBlob(folder: string, { digest }: Descriptor): Buffer {
  const bytes = readWhole(folder, layoutPath(digest))
  if (bytes === undefined) throw invalid(folder, `it has no blob ${digest}`)
  if (sha256(bytes) !== digest) throw invalid(folder, `blob ${digest} has other bytes`)
  return bytes
}

/** A link in the folder leads nowhere else. */
function readWhole(folder: string, path: string): Buffer | undefined {
  const descriptor = openFileInRoot(folder, path)
  if (descriptor === undefined) return undefined
  try {
    const bytes = readFileSync(descriptor)
    if (bytes.length > documentLimit) throw invalid(folder, `${path} is larger than ${documentLimit} bytes`)
    return bytes
  } finally {
    closeSync(descriptor)
  }
}

function openBlob(folder: string, { digest }: Descriptor): Readable {
  const descriptor = openFileInRoot(folder, layoutPath(digest))
  if (descriptor === undefined) throw invalid(folder, `it has no blob ${digest}`)
  return createReadStream('', { fd: descriptor })
}

function invalid(folder: string, reason: string): Error {
  return failure('LAYOUT_INVALID', { path: folder, reason })
}
