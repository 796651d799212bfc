import type { ComposedImage, ComposedMember, ImageToCompose } from '../oci/composed-image.ts'
import type { ImageConfig } from '../oci/config.ts'
import { inWireOrder, type Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { AnnotationPlace, ImageForm } from '../oci/image-form.ts'
import type { Index, Manifest } from '../oci/manifest.ts'
import { layerType, mediaTypes } from '../oci/media-types.ts'
import { formatPlatform, type Platform } from '../oci/platform.ts'
import type { Lease, Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { writeDocument } from './write-document.ts'
import { layersInForm } from './layer-forms.ts'
import { writeAttestation } from './write-attestation.ts'
import { ancestors } from './list.ts'

/**
 * Writes config, manifest and, for several images, the index, all held by `lease`: same drafts and form, same bytes,
 * everywhere.
 */
export async function composeImage(
  store: Store,
  drafts: readonly ImageToCompose[],
  form: ImageForm,
  lease: Lease,
  options: OpOptions = {},
): Promise<ComposedImage> {
  const images: ComposedMember[] = []
  for (const draft of drafts) images.push(await composeMember(store, draft, form, lease, options))
  const [only] = images
  const attestations = await writeAttestations(store, drafts, images, lease)
  if (only !== undefined && images.length === 1 && attestations.length === 0)
    return { target: only.manifest, images }
  const mediaType = form.mediaTypes === 'docker' ? mediaTypes.dockerList : mediaTypes.ociIndex
  const index: Index = {
    schemaVersion: 2,
    mediaType,
    manifests: [...images.map((image) => indexEntry(image, form)), ...attestations],
    ...annotationsOf(form, 'index'),
  }
  return { target: await writeDocument(store, mediaType, index, lease), images }
}

/** The descriptors of the attestation manifests, which stand behind all images. */
async function writeAttestations(
  store: Store,
  drafts: readonly ImageToCompose[],
  images: readonly ComposedMember[],
  lease: Lease,
): Promise<Descriptor[]> {
  const written: Descriptor[] = []
  for (const [index, { attestation }] of drafts.entries()) {
    const image = images[index]
    if (attestation === undefined || image === undefined) continue
    written.push(await writeAttestation(store, attestation, image.manifest, lease))
  }
  return written
}

async function composeMember(
  store: Store,
  { config, platform, parent }: ImageToCompose,
  form: ImageForm,
  lease: Lease,
  options: OpOptions,
): Promise<ComposedMember> {
  const isDocker = form.mediaTypes === 'docker'
  const layers = await layersOf(store, config, parent, form, lease, options)
  const written = await writeDocument(
    store,
    isDocker ? mediaTypes.dockerConfig : mediaTypes.ociConfig,
    config,
    lease,
  )
  const mediaType = isDocker ? mediaTypes.dockerManifest : mediaTypes.ociManifest
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType,
    config: written,
    layers,
    ...annotationsOf(form, 'manifest', platform),
  }
  return {
    platform,
    config: written,
    manifest: await writeDocument(store, mediaType, manifest, lease),
    ...(parent !== undefined && { parent }),
  }
}

async function layersOf(
  store: Store,
  config: ImageConfig,
  parent: Digest | undefined,
  form: ImageForm,
  lease: Lease,
  options: OpOptions,
): Promise<readonly Descriptor[]> {
  const diffIds = config.rootfs.diff_ids
  if (form.compression !== undefined) {
    const base = parent === undefined ? undefined : store.images.get(parent)
    const bases =
      base === undefined
        ? []
        : [base, ...ancestors(store, base)].flatMap((image) => store.images.members(image))
    return await layersInForm(store, diffIds, {
      ...options,
      compression: form.compression,
      bases,
      lease,
      mediaTypes: form.mediaTypes,
    })
  }
  const mediaType = layerType('none', form.mediaTypes)
  return await Promise.all(
    diffIds.map(async (diffId) => {
      const layer = await store.layers.find(diffId)
      if (layer === undefined) throw failure('LAYER_NOT_FOUND', { diffId })
      return { mediaType, digest: diffIdAsDigest(diffId), size: layer.size }
    }),
  )
}

function indexEntry({ manifest, platform }: ComposedMember, form: ImageForm): Descriptor {
  return inWireOrder({ ...manifest, ...annotationsOf(form, 'manifest-descriptor', platform), platform })
}

/** Sorted by key, as they have no order of their own. */
function annotationsOf(
  { annotations }: ImageForm,
  place: AnnotationPlace,
  platform?: Platform,
): { readonly annotations?: Readonly<Record<string, string>> } {
  const meant = annotations.filter(
    (one) =>
      one.place === place &&
      (one.platform === undefined ||
        platform === undefined ||
        formatPlatform(one.platform) === formatPlatform(platform)),
  )
  if (meant.length === 0) return {}
  const sorted = meant.toSorted((a, b) => (a.key < b.key ? -1 : 1))
  return { annotations: Object.fromEntries(sorted.map(({ key, value }) => [key, value])) }
}
