import { canonicalJson } from '../../oci/canonical-json.ts'
import { inWireOrder, type Descriptor } from '../../oci/descriptor.ts'
import { sha256, type Digest } from '../../oci/digest.ts'
import type { Annotation } from '../../oci/image-form.ts'
import type { Index, ManifestDocument } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { formatPlatform, matchPlatform, type Platform } from '../../oci/platform.ts'
import { formatReference, parseReference, type Reference } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { isAttestation } from '../is-attestation.ts'
import type { OpenRepository } from '../repositories.ts'
import type { CombinedImage, CombineRequest, Source } from './manifests.ts'
import { fetchDocument, readDocument, readMember, type RemoteDocument } from './remote-image.ts'

/**
 * One index of all that the sources are made of, each manifest once; what comes later replaces what says the same
 * digest earlier. INVALID_ARGUMENT for what cannot be combined.
 */
export async function combineSources(
  open: OpenRepository,
  request: CombineRequest,
  options: OpOptions = {},
): Promise<CombinedImage> {
  const { targets, annotations } = request
  checkAnnotations(annotations)
  const [target] = targets
  const documents: RemoteDocument[] = []
  if (request.append) {
    if (target === undefined) throw invalid('--append needs a tag to append to')
    documents.push(...(await findTarget(open, target, options)))
  }
  for (const source of request.sources) documents.push(await readSource(open, source, target, options))
  const [only] = documents
  if (only === undefined) throw invalid('no sources specified')
  const asIs = documents.length === 1 && annotations.length === 0 && request.platforms.length === 0
  if (asIs && (only.document.kind === 'index' || !request.preferIndex)) return carbonCopy(only)
  const entries = await entriesOf(documents, options)
  return compose(choose([...entries.values()], request.platforms), documents, annotations)
}

async function findTarget(
  open: OpenRepository,
  target: string,
  options: OpOptions,
): Promise<RemoteDocument[]> {
  try {
    return [await readDocument(open, target, options)]
  } catch (error) {
    // nothing to append to is a beginning
    if (isMilleError(error, 'MANIFEST_UNKNOWN')) return []
    throw error
  }
}

async function readSource(
  open: OpenRepository,
  source: string | Descriptor,
  target: string | undefined,
  options: OpOptions,
): Promise<RemoteDocument> {
  if (typeof source === 'string') return await readDocument(open, source, options)
  if (target === undefined) throw invalid('a descriptor needs a tag, whose repository has it')
  const { registry, repository: path } = parseReference(target)
  const place = { registry, repository: path }
  const repository = await open(place)
  const document = await fetchDocument(repository, source, options)
  const described = { ...document, descriptor: { ...document.descriptor, ...source } }
  return { reference: { ...place, digest: source.digest }, repository, document: described }
}

function carbonCopy({ reference, document }: RemoteDocument): CombinedImage {
  const { mediaType, digest, size } = document.descriptor
  const descriptor = { mediaType, digest, size }
  return { descriptor, raw: document.raw, sources: [sourceOf(reference, descriptor)] }
}

function sourceOf(reference: Reference, descriptor: Descriptor): Source {
  return { reference: formatReference(reference), descriptor }
}

async function entriesOf(
  documents: readonly RemoteDocument[],
  options: OpOptions,
): Promise<Map<Digest, Source>> {
  const entries = new Map<Digest, Source>()
  for (const { reference, repository, document } of documents) {
    const found =
      document.kind === 'index' ? document.index.manifests : [await describe(repository, document, options)]
    for (const descriptor of found) entries.set(descriptor.digest, sourceOf(reference, descriptor))
  }
  return entries
}

/** With the platform, which an index has to say. */
async function describe(
  repository: RemoteDocument['repository'],
  document: Extract<ManifestDocument, { kind: 'manifest' }>,
  options: OpOptions,
): Promise<Descriptor> {
  return (await readMember(repository, document, document.descriptor, options)).descriptor
}

/** The images of these platforms, and what is said about them. */
function choose(entries: readonly Source[], platforms: readonly Platform[]): readonly Source[] {
  if (platforms.length === 0) return entries
  const images = entries.filter(
    ({ descriptor }) =>
      !isAttestation(descriptor) &&
      descriptor.platform !== undefined &&
      platforms.some((wanted) => matchPlatform(wanted, descriptor.platform as Platform)),
  )
  if (images.length === 0) {
    throw invalid(`none of the sources is for ${platforms.map(formatPlatform).join(', ')}`)
  }
  const chosen = new Set(images.map(({ descriptor }) => descriptor.digest as string))
  return entries.filter(({ descriptor }) => {
    const about = descriptor.annotations?.['vnd.docker.reference.digest']
    return chosen.has(isAttestation(descriptor) && about !== undefined ? about : descriptor.digest)
  })
}

function compose(
  entries: readonly Source[],
  documents: readonly RemoteDocument[],
  annotations: readonly Annotation[],
): CombinedImage {
  // Docker's own types stay among themselves
  const isDocker = documents.every(({ document }) =>
    [mediaTypes.dockerList, mediaTypes.dockerManifest].some((type) => type === document.descriptor.mediaType),
  )
  const mediaType = isDocker && annotations.length === 0 ? mediaTypes.dockerList : mediaTypes.ociIndex
  const [first] = documents
  const kept =
    documents.length === 1 && first?.document.kind === 'index' ? first.document.index.annotations : {}
  const own = Object.fromEntries(
    annotations.filter(({ place }) => place === 'index').map(({ key, value }) => [key, value]),
  )
  const all = { ...kept, ...own }
  const index: Index = {
    schemaVersion: 2,
    mediaType,
    manifests: entries.map(({ descriptor }) => inWireOrder(annotate(descriptor, annotations))),
    ...(Object.keys(all).length > 0 && { annotations: all }),
  }
  const raw = canonicalJson(index)
  return {
    descriptor: { mediaType, digest: sha256(raw), size: raw.length },
    raw,
    sources: entries,
  }
}

function annotate(descriptor: Descriptor, annotations: readonly Annotation[]): Descriptor {
  const meant = annotations.filter(
    ({ place, platform }) =>
      place === 'manifest-descriptor' &&
      !isAttestation(descriptor) &&
      (platform === undefined ||
        (descriptor.platform !== undefined &&
          formatPlatform(platform) === formatPlatform(descriptor.platform))),
  )
  if (meant.length === 0) return descriptor
  const added = Object.fromEntries(meant.map(({ key, value }) => [key, value]))
  return { ...descriptor, annotations: { ...descriptor.annotations, ...added } }
}

/** Manifests are taken as they are: an annotation in one would make another of it. */
function checkAnnotations(annotations: readonly Annotation[]): void {
  const wrong = annotations.find(({ place }) => place === 'manifest' || place === 'index-descriptor')
  if (wrong !== undefined) throw invalid(`"${wrong.place}" annotations are not supported yet`)
}

function invalid(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}
