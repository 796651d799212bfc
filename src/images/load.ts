import type { Readable } from 'node:stream'
import {
  documentLimit,
  parseDocument,
  asList,
  asFields,
  asString,
  asStrings,
  present,
} from '../oci/document-fields.ts'
import type { ImageConfig } from '../oci/config.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, sha256, shortId, type DiffId, type Digest } from '../oci/digest.ts'
import { canonicalJson } from '../oci/canonical-json.ts'
import { parseImageConfig } from '../oci/image-config.ts'
import type { Manifest } from '../oci/manifest.ts'
import { isIndexType, isManifestType, mediaTypes } from '../oci/media-types.ts'
import { parseManifestDocument } from '../oci/parse-manifest.ts'
import {
  choosePlatform,
  formatPlatform,
  hostPlatform,
  matchPlatform,
  type Platform,
} from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import { platformOf } from '../store/find-member.ts'
import type { BlobInfo, Lease, NewImage, Store } from '../store/store.ts'
import { openArchive } from './open-archive.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { storeMembers, layoutPath, type ArchiveMembers } from './archive-members.ts'
import { checkImageManifest, checkLayerCount } from './check-image.ts'
import type { LoadedImage } from './images.ts'
import { layerTypeOf } from './layer-type.ts'
import { familiarName } from './names.ts'
import { stackLayers } from './stack-layers.ts'

interface LoadContext {
  readonly store: Store
  readonly members: ArchiveMembers
  readonly lease: Lease
  readonly options: LoadOptions
}

export interface LoadOptions extends OpOptions {
  /** Of what the archive holds for several platforms only this one; PLATFORM_NOT_FOUND when an image has it not. */
  readonly platform?: Platform
}

/**
 * Loads an archive of `save`, of Docker (old and new) or an OCI layout in a tar, in any compression. Docker's
 * `manifest.json` wins when both layouts are there, as in Docker. All images appear in the end, or none.
 */
export async function loadImages(
  store: Store,
  source: Readable,
  options: LoadOptions = {},
): Promise<LoadedImage[]> {
  await using lease = await store.lease('load')
  const tar = await openArchive(source, { signal: options.signal })
  const members = await storeMembers(store, tar, lease, options)
  const context: LoadContext = { store, members, lease, options }
  const images = await readImages(context)
  if (images.length === 0) throw failure('ARCHIVE_INVALID', { reason: 'no image in it' })
  return images.flatMap((image): LoadedImage[] => {
    const record = store.images.put(image)
    const names = image.names ?? []
    return names.length > 0 ? names.map((name) => ({ name: familiarName(name) })) : [{ id: record.id }]
  })
}

async function readImages(context: LoadContext): Promise<NewImage[]> {
  const { members, options } = context
  const hasLayout = members.find('index.json') !== undefined
  // Docker's own layout tells nothing of platforms: it holds one image of an index
  if (options.platform !== undefined && hasLayout) return await layoutImages(context, [])
  const several = hasLayout ? await completeIndexes(context) : []
  return members.find('manifest.json')
    ? [...several, ...(await dockerImages(context, several))]
    : await layoutImages(context, several)
}

function checkPlatform({ options }: LoadContext, config: ImageConfig): void {
  const { platform } = options
  const offered = platformOf(config)
  if (platform === undefined || matchPlatform(platform, offered)) return
  throw failure('PLATFORM_NOT_FOUND', {
    platform: formatPlatform(platform),
    offered: formatPlatform(offered),
  })
}

async function readJson(context: LoadContext, path: string): Promise<Buffer> {
  const blob = context.members.find(path)
  if (!blob) throw failure('ARCHIVE_INVALID', { reason: `no ${path} in it` })
  return context.store.content.read(blob.digest, documentLimit)
}

/** Docker's `manifest.json`: a list of config, tags and layers by member path; without what came as a whole index. */
async function dockerImages(context: LoadContext, several: readonly NewImage[]): Promise<NewImage[]> {
  const taken = new Set(several.flatMap(({ names = [] }) => names))
  const raw = await readJson(context, 'manifest.json')
  const wrapped = parseDocument(
    Buffer.concat([Buffer.from('{"images":'), raw, Buffer.from('}')]),
    'manifest.json',
  )
  const images = asList(wrapped['images'], 'manifest.json', (item, what) => {
    const fields = asFields(item, what)
    return {
      config: asString(fields['Config'], `${what}.Config`),
      tags: present(fields['RepoTags']) ? asStrings(fields['RepoTags'], `${what}.RepoTags`) : [],
      layers: present(fields['Layers']) ? asStrings(fields['Layers'], `${what}.Layers`) : [],
    }
  })
  const loaded: NewImage[] = []
  for (const image of images) {
    const config = getMember(context, image.config)
    const layers = image.layers.map((path) => getMember(context, path))
    const names = image.tags.map(canonicalTag)
    const left = names.filter((name) => !taken.has(name))
    if (left.length > 0 || names.length === 0) loaded.push(await dockerImage(context, config, layers, left))
  }
  return loaded
}

function getMember({ members }: LoadContext, path: string): BlobInfo {
  const blob = members.find(path)
  if (!blob) throw failure('ARCHIVE_INVALID', { reason: `no member "${path}", which its manifest names` })
  return blob
}

function canonicalTag(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined)
    throw failure('REFERENCE_INVALID', { reason: `"${text}" in the archive is no tag` })
  return formatReference(withDefaultTag(reference))
}

/** An image by its config and layers: the OCI manifest that goes with the archive, or one written for it. */
async function dockerImage(
  context: LoadContext,
  configBlob: BlobInfo,
  layerBlobs: readonly BlobInfo[],
  names: readonly string[],
): Promise<NewImage> {
  const { store, lease } = context
  const config = parseImageConfig(await store.content.read(configBlob.digest, documentLimit))
  checkPlatform(context, config)
  const layers: Descriptor[] = []
  for (const blob of layerBlobs) layers.push({ mediaType: await layerTypeOf(store, blob), ...blob })
  await applyLayers(context, config, layers)
  const known = await layoutManifest(context, configBlob.digest)
  if (known) return { id: configBlob.digest, manifest: known, names }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: { mediaType: mediaTypes.ociConfig, ...configBlob },
    layers,
  }
  const raw = canonicalJson(manifest)
  const digest = sha256(raw)
  await store.content.ingest(raw, { expected: { digest }, lease })
  return {
    id: configBlob.digest,
    names,
    manifest: { mediaType: mediaTypes.ociManifest, digest, size: raw.length },
  }
}

/** The manifest of an archive with both layouts, so that a saved image comes back with the digest it had. */
async function layoutManifest(context: LoadContext, config: Digest): Promise<Descriptor | undefined> {
  if (!context.members.find('index.json')) return undefined
  const document = parseManifestDocument(await readJson(context, 'index.json'), mediaTypes.ociIndex)
  if (document.kind !== 'index') return undefined
  for (const descriptor of document.index.manifests) {
    if (!isManifestType(descriptor.mediaType) || !context.members.find(layoutPath(descriptor.digest)))
      continue
    const child = parseManifestDocument(await readBlob(context, descriptor), descriptor.mediaType)
    if (child.kind !== 'manifest' || child.manifest.config.digest !== config) continue
    const layers = child.manifest.layers.every((layer) => context.members.find(layoutPath(layer.digest)))
    if (layers) return child.descriptor
  }
  return undefined
}

async function readBlob(context: LoadContext, descriptor: Descriptor): Promise<Buffer> {
  const blob = getMember(context, layoutPath(descriptor.digest))
  if (blob.size !== descriptor.size) {
    throw failure('BLOB_SIZE_MISMATCH', {
      digest: descriptor.digest,
      expected: descriptor.size,
      found: blob.size,
    })
  }
  return context.store.content.read(blob.digest, documentLimit)
}

/** Every image of an OCI layout; its name stands in an annotation of the index. */
async function layoutImages(context: LoadContext, several: readonly NewImage[]): Promise<NewImage[]> {
  const images: NewImage[] = []
  for (const descriptor of await layoutEntries(context)) {
    const whole = several.find(({ id }) => id === descriptor.digest)
    if (whole === undefined) images.push(await layoutImage(context, descriptor))
    else images.push({ ...whole, names: layoutNames(descriptor) })
  }
  return images
}

async function layoutEntries(context: LoadContext): Promise<readonly Descriptor[]> {
  const document = parseManifestDocument(await readJson(context, 'index.json'), mediaTypes.ociIndex)
  if (document.kind !== 'index') throw failure('ARCHIVE_INVALID', { reason: 'index.json is no index' })
  return document.index.manifests
}

/**
 * Indexes of which every part is in the archive, with their names. Of others, as Docker writes them for an image of
 * which it has one platform, only that image is loaded.
 */
async function completeIndexes(context: LoadContext): Promise<NewImage[]> {
  const found = new Map<Digest, NewImage>()
  for (const descriptor of await layoutEntries(context)) {
    if (!isIndexType(descriptor.mediaType)) continue
    const index = await completeIndex(context, descriptor)
    if (index === undefined) continue
    const names = [...(found.get(descriptor.digest)?.names ?? []), ...layoutNames(descriptor)]
    found.set(descriptor.digest, { id: descriptor.digest, manifest: index, names })
  }
  return [...found.values()]
}

async function completeIndex(context: LoadContext, top: Descriptor): Promise<Descriptor | undefined> {
  const has = ({ digest }: Descriptor): boolean => context.members.find(layoutPath(digest)) !== undefined
  if (!has(top)) return undefined
  const document = parseManifestDocument(await readBlob(context, top), top.mediaType)
  if (document.kind !== 'index') return undefined
  const images: { readonly config: ImageConfig; readonly layers: readonly Descriptor[] }[] = []
  for (const entry of document.index.manifests) {
    if (!isManifestType(entry.mediaType) || !has(entry)) return undefined
    const child = parseManifestDocument(await readBlob(context, entry), entry.mediaType)
    if (child.kind !== 'manifest') return undefined
    const { config, layers } = child.manifest
    if (![config, ...layers].every(has)) return undefined
    if (entry.platform?.os === 'unknown') continue
    checkImageManifest(child.manifest)
    for (const blob of [config, ...layers]) checkSize(context, blob)
    images.push({ config: parseImageConfig(await readBlob(context, config)), layers })
  }
  if (images.length === 0) return undefined
  for (const { config, layers } of images) await applyLayers(context, config, layers)
  return document.descriptor
}

async function layoutImage(context: LoadContext, top: Descriptor): Promise<NewImage> {
  let descriptor = top
  for (let depth = 0; depth < 8; depth++) {
    const document = parseManifestDocument(await readBlob(context, descriptor), descriptor.mediaType)
    if (document.kind === 'index' && isIndexType(descriptor.mediaType)) {
      descriptor = choosePlatform(document.index, context.options.platform ?? hostPlatform())
      continue
    }
    if (document.kind !== 'manifest') break
    const { manifest } = document
    checkImageManifest(manifest)
    for (const blob of [manifest.config, ...manifest.layers]) checkSize(context, blob)
    const config = parseImageConfig(await readBlob(context, manifest.config))
    checkPlatform(context, config)
    await applyLayers(context, config, manifest.layers)
    return { id: manifest.config.digest, manifest: document.descriptor, names: layoutNames(top) }
  }
  throw failure('MANIFEST_INVALID', { reason: `no image within 8 indexes below ${top.digest}` })
}

function checkSize(context: LoadContext, blob: Descriptor): void {
  const found = getMember(context, layoutPath(blob.digest))
  if (found.size === blob.size) return
  throw failure('BLOB_SIZE_MISMATCH', { digest: blob.digest, expected: blob.size, found: found.size })
}

/** containerd writes the whole name, others only a tag, which is no name of an image here. */
function layoutNames({ annotations }: Descriptor): string[] {
  const whole =
    annotations?.['io.containerd.image.name'] ?? annotations?.['org.opencontainers.image.ref.name']
  return whole === undefined || !/[/:]/.test(whole) ? [] : [canonicalTag(whole)]
}

async function applyLayers(
  { store, lease, options }: LoadContext,
  config: ImageConfig,
  layers: readonly Descriptor[],
): Promise<void> {
  const diffIds = config.rootfs.diff_ids
  checkLayerCount(layers, config)
  const report = (diffId: DiffId, current: number, total: number): void =>
    options.onProgress?.({ id: shortId(diffId), status: 'Loading layer', current, total })
  await stackLayers(
    {
      store,
      lease,
      signal: options.signal,
      async prepare({ layer, diffId }, signal) {
        lease.hold({ kind: 'blob', digest: diffIdAsDigest(diffId) })
        report(diffId, 0, layer.size)
        await store.layers.inflate(layer, diffId, { lease, signal })
      },
      onApplied: ({ layer, diffId }) => report(diffId, layer.size, layer.size),
    },
    layers.map((layer, index) => ({ layer, diffId: diffIds[index] as DiffId })),
  )
}
