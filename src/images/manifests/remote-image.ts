import { buffer } from 'node:stream/consumers'
import type { Descriptor } from '../../oci/descriptor.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { parseImageConfig } from '../../oci/image-config.ts'
import type { Manifest, ManifestDocument } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import {
  type Reference,
  familiarReference,
  parseReference,
  tagOrDigest,
  withDefaultTag,
} from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import { eachLimited } from '../../util/each-limited.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { isAttestation } from '../is-attestation.ts'
import type { OpenRepository } from '../repositories.ts'
import type { RemoteImage, RemoteMember } from './manifests.ts'

/** Images of one index that are looked into; a hostile one must not keep us busy. */
const maxMembers = 500
const parallelMembers = 4

export interface RemoteDocument {
  readonly reference: Reference
  readonly repository: Repository
  readonly document: ManifestDocument
}

/** The manifest or index behind a name, with its exact bytes. */
export async function readDocument(
  open: OpenRepository,
  name: string,
  options: OpOptions = {},
): Promise<RemoteDocument> {
  const reference = withDefaultTag(parseReference(name))
  const repository = await open(reference)
  const descriptor = await repository.resolve(tagOrDigest(reference), options)
  return { reference, repository, document: await fetchDocument(repository, descriptor, options) }
}

/** A name with everything that is said about its images, but no layer (A49, C22). */
export async function readRemoteImage(
  open: OpenRepository,
  name: string,
  options: OpOptions = {},
): Promise<RemoteImage> {
  const { reference, repository, document } = await readDocument(open, name, options)
  const shown = familiarReference(reference)
  if (document.kind === 'manifest') {
    return {
      name: shown,
      document,
      members: [await readMember(repository, document, document.descriptor, options)],
    }
  }
  const { manifests } = document.index
  if (manifests.length > maxMembers)
    throw failure('MANIFEST_INVALID', { reason: `more than ${maxMembers} images in one index` })
  const images = manifests.filter((entry) => !isAttestation(entry))
  const members = await eachLimited(images, parallelMembers, async (entry) => {
    const child = await fetchDocument(repository, entry, options)
    if (child.kind === 'index') throw failure('MANIFEST_INVALID', { reason: 'an index in an index' })
    const member = await readMember(repository, child, entry, options)
    return { ...member, predicates: await readPredicates(repository, manifests, entry, options) }
  })
  return { name: shown, document, members }
}

export async function fetchDocument(
  repository: Repository,
  descriptor: Descriptor,
  options: OpOptions,
): Promise<ManifestDocument> {
  return parseManifestDocument(await fetchSmall(repository, descriptor, options), descriptor.mediaType)
}

/** What a manifest says it is for: its own word in the index, else its config's. */
export async function readMember(
  repository: Repository,
  { manifest, raw }: Extract<ManifestDocument, { kind: 'manifest' }>,
  descriptor: Descriptor,
  options: OpOptions,
): Promise<RemoteMember> {
  const isImage =
    manifest.config.mediaType === mediaTypes.ociConfig ||
    manifest.config.mediaType === mediaTypes.dockerConfig
  if (!isImage) return { descriptor, raw, manifest, predicates: new Map() }
  const bytes = await fetchSmall(repository, manifest.config, options)
  const { os, architecture, variant } = parseImageConfig(bytes)
  const platform = descriptor.platform ?? { architecture, os, ...(variant !== undefined && { variant }) }
  const config = JSON.parse(bytes.toString()) as Readonly<Record<string, unknown>>
  return { descriptor: { ...descriptor, platform }, raw, manifest, config, predicates: new Map() }
}

const referenceDigest = 'vnd.docker.reference.digest'
const predicateType = 'in-toto.io/predicate-type'
const statementType = 'application/vnd.in-toto+json'

async function readPredicates(
  repository: Repository,
  entries: readonly Descriptor[],
  image: Descriptor,
  options: OpOptions,
): Promise<ReadonlyMap<string, unknown>> {
  const predicates = new Map<string, unknown>()
  for (const entry of entries) {
    if (!isAttestation(entry) || entry.annotations?.[referenceDigest] !== image.digest) continue
    const document = await fetchDocument(repository, entry, options)
    const layers: Manifest['layers'] = document.kind === 'manifest' ? document.manifest.layers : []
    for (const layer of layers) {
      const type = layer.annotations?.[predicateType]
      if (type === undefined || layer.mediaType !== statementType) continue
      const statement = JSON.parse(
        (await fetchSmall(repository, layer, options, statementLimit)).toString(),
      ) as {
        readonly predicate?: unknown
      }
      predicates.set(type, statement.predicate)
    }
  }
  return predicates
}

/** An SBOM of a large image has tens of thousands of packages. */
const statementLimit = 64 * 1024 * 1024

/** Bytes that fit into memory: a document, a statement. MANIFEST_TOO_LARGE. */
export async function fetchSmall(
  repository: Repository,
  descriptor: Descriptor,
  options: OpOptions,
  limit: number = documentLimit,
): Promise<Buffer> {
  if (descriptor.size > limit) throw failure('MANIFEST_TOO_LARGE', { size: descriptor.size, limit })
  return await buffer(await repository.fetch(descriptor, options))
}
