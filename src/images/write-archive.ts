import { canonicalJson } from '../oci/canonical-json.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import type { Platform } from '../oci/platform.ts'
import type { Store } from '../store/store.ts'
import type { TarSource } from '../tar/writer.ts'
import { layoutPath } from './archive-members.ts'
import { familiarName } from './names.ts'
import { readGraph } from './push-graph.ts'

/** An image or index that goes into an archive. */
export interface ArchiveRoot {
  readonly target: Descriptor
  /** Canonical names; without any it is found by its digest only. */
  readonly names: readonly string[]
  /** Of a single image. */
  readonly platform?: Platform
  /** The image that readers of Docker's own layout get; none for those of the OCI layout alone. */
  readonly docker?: Descriptor
}

/**
 * The members of an OCI layout in a tar, and with `docker` of a Docker archive too (A03): blobs once each, then
 * `index.json`, `manifest.json` and `oci-layout`. Order, times and owners are fixed: the same images give the same
 * bytes. Every blob is verified on its way out.
 */
export async function* archiveMembers(
  store: Store,
  roots: readonly ArchiveRoot[],
): AsyncGenerator<TarSource> {
  yield folder('blobs')
  yield folder('blobs/sha256')
  for (const blob of await blobsOf(store, roots)) {
    const body = await store.content.fetch(blob)
    yield { header: header(layoutPath(blob.digest), blob.size), body: body as AsyncIterable<Buffer> }
  }
  const entries = roots.flatMap(layoutEntries)
  yield file('index.json', canonicalJson(layoutIndex(entries)))
  if (roots.some(({ docker }) => docker !== undefined)) {
    const listed = await Promise.all(roots.map((root) => dockerEntries(store, root)))
    yield file('manifest.json', canonicalJson(listed.flat()))
  }
  yield file('oci-layout', layoutVersion)
}

export const layoutVersion: Buffer = canonicalJson({ imageLayoutVersion: '1.0.0' })

/** Every blob below the roots, documents included, once each, by digest. */
export async function blobsOf(store: Store, roots: readonly ArchiveRoot[]): Promise<Descriptor[]> {
  const blobs = new Map<Digest, Descriptor>()
  for (const { target } of roots) {
    const graph = await readGraph(store, target)
    for (const blob of [...graph.blobs, ...graph.documents.map(({ descriptor }) => descriptor)])
      blobs.set(blob.digest, blob)
  }
  return [...blobs.values()].sort((a, b) => (a.digest < b.digest ? -1 : 1))
}

export function layoutIndex(manifests: readonly Descriptor[]): object {
  return { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }
}

/** One entry a name, as containerd and skopeo expect them. */
export function layoutEntries({ target, names, platform }: ArchiveRoot): Descriptor[] {
  const { mediaType, digest, size, annotations } = target
  const shown = platform && {
    architecture: platform.architecture,
    os: platform.os,
    ...(platform.variant !== undefined && { variant: platform.variant }),
  }
  const end = shown === undefined ? {} : { platform: shown }
  if (names.length === 0) return [{ mediaType, digest, size, ...(annotations && { annotations }), ...end }]
  return names.map((name) => ({
    mediaType,
    digest,
    size,
    annotations: {
      ...annotations,
      'io.containerd.image.name': name,
      'org.opencontainers.image.ref.name': name.slice(name.lastIndexOf(':') + 1),
    },
    ...end,
  }))
}

/** Source: Docker image specification v1.2, "Combined Image JSON + Filesystem Changeset Format". */
async function dockerEntries(store: Store, { docker, names }: ArchiveRoot): Promise<object[]> {
  if (docker === undefined) return []
  const { config, layers } = JSON.parse((await store.content.read(docker.digest)).toString()) as Manifest
  return [
    {
      Config: layoutPath(config.digest),
      RepoTags: names.length > 0 ? names.map(familiarName) : null,
      Layers: layers.map((layer) => layoutPath(layer.digest)),
    },
  ]
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
