import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { canonicalJson } from '../oci/canonical-json.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { writeTar, type TarSource } from '../tar/writer.ts'
import type { OpOptions } from '../util/progress.ts'
import { layoutPath } from './archive-members.ts'
import { familiarName, type NamedImage } from './names.ts'

interface SavedImage {
  readonly record: ImageRecord
  readonly manifest: Manifest
  /** Canonical names that go with it; none when it was named by ID. */
  readonly names: readonly string[]
}

/**
 * An archive that is an OCI layout and a Docker archive at once (A03): blobs once each, then `index.json`,
 * `manifest.json` and `oci-layout`. Order, times and owners are fixed: the same images give the same bytes. Every blob
 * is verified on its way out.
 */
export async function saveImages(
  store: Store,
  images: readonly NamedImage[],
  sink: Writable,
  options: OpOptions = {},
): Promise<void> {
  await using lease = await store.lease('save')
  for (const { record } of images) lease.hold({ kind: 'image', id: record.id })
  const saved = await Promise.all(
    [...groupByImage(images).values()].map((group) => readManifest(store, group)),
  )
  await pipeline(writeTar(archiveMembers(store, saved)), sink, { signal: options.signal })
}

function groupByImage(images: readonly NamedImage[]): Map<Digest, NamedImage[]> {
  return Map.groupBy(images, ({ record }) => record.id)
}

async function readManifest(store: Store, group: readonly NamedImage[]): Promise<SavedImage> {
  const { record } = group[0] as NamedImage
  const manifest = JSON.parse((await store.content.read(record.manifest.digest)).toString()) as Manifest
  const names = group.flatMap(({ name }) => (name !== undefined && !name.includes('@') ? [name] : []))
  return { record, manifest, names: [...new Set(names)] }
}

async function* archiveMembers(store: Store, images: readonly SavedImage[]): AsyncGenerator<TarSource> {
  yield folder('blobs')
  yield folder('blobs/sha256')
  const blobs = new Map<Digest, Descriptor>()
  for (const { record, manifest } of images) {
    for (const blob of [...manifest.layers, manifest.config, record.manifest]) blobs.set(blob.digest, blob)
  }
  const sorted = [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))
  for (const blob of sorted) {
    const body = await store.content.fetch(blob)
    yield { header: header(layoutPath(blob.digest), blob.size), body: body as AsyncIterable<Buffer> }
  }
  yield file('index.json', canonicalJson(layoutIndex(images)))
  yield file('manifest.json', canonicalJson(images.map(dockerEntry)))
  yield file('oci-layout', canonicalJson({ imageLayoutVersion: '1.0.0' }))
}

/** One entry a name, as containerd and skopeo expect them. */
function layoutIndex(images: readonly SavedImage[]): object {
  const manifests = images.flatMap(({ record, names }) => {
    const { mediaType, digest, size } = record.manifest
    const { os, architecture, variant } = record.config
    const platform = { architecture, os, ...(variant !== undefined && { variant }) }
    if (names.length === 0) return [{ mediaType, digest, size, platform }]
    return names.map((name) => ({
      mediaType,
      digest,
      size,
      annotations: {
        'io.containerd.image.name': name,
        'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
      },
      platform,
    }))
  })
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
}

/** Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format". */
function dockerEntry({ manifest, names }: SavedImage): object {
  return {
    Config: layoutPath(manifest.config.digest),
    RepoTags: names.length > 0 ? names.map(familiarName) : null,
    Layers: manifest.layers.map((layer) => layoutPath(layer.digest)),
  }
}

const fixed = { uid: 0, gid: 0, mtime: 0n } as const

function folder(path: string): TarSource {
  return { header: { ...fixed, path, type: 'directory', mode: 0o755 } }
}

function header(path: string, size: number): TarSource['header'] {
  return { ...fixed, path, type: 'file', mode: 0o644, size }
}

function file(path: string, bytes: Buffer): TarSource {
  return { header: header(path, bytes.length), body: bytes }
}
