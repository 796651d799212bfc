import { Readable } from 'node:stream'
import { canonicalJson } from '../../oci/canonical-json.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { copyGraph } from '../../oci/copy-graph.ts'
import { inWireOrder, type Descriptor } from '../../oci/descriptor.ts'
import { sha256 } from '../../oci/digest.ts'
import { parseImageConfig } from '../../oci/image-config.ts'
import type { ManifestDocument } from '../../oci/manifest.ts'
import { parseReference, withDefaultTag, type Reference } from '../../oci/reference.ts'
import type { Repository } from '../../registry/repository.ts'
import { failure } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import { checkImageManifest } from '../check-image.ts'
import { isAttestation } from '../is-attestation.ts'
import type { OpenRepository } from '../repositories.ts'
import type { EditRequest } from './manifests.ts'
import { mounting } from './publish.ts'
import { fetchDocument, fetchSmall, readDocument } from './remote-image.ts'

export type ApplyChanges = (config: ContainerConfig, changes: readonly string[]) => Promise<ContainerConfig>

/**
 * An image like another with other settings, in its registry: config and manifest are written anew, layers stay where they
 * are (C23). Of an index every image is edited; statements about the old ones are left out, as they are true of those only.
 * What nothing is said about keeps its bytes, also fields that mille does not know.
 */
export async function editRemoteImage(
  open: OpenRepository,
  applyChanges: ApplyChanges,
  name: string,
  request: EditRequest,
  options: OpOptions = {},
): Promise<Descriptor> {
  const { reference, repository, document } = await readDocument(open, name, options)
  const target = request.target === undefined ? reference : withDefaultTag(parseReference(request.target))
  if (target.tag === undefined) throw failure('PUSH_BY_DIGEST', {})
  const destination = isSamePlace(reference, target) ? repository : await open(target)
  if (destination !== repository) await bring(repository, destination, document.descriptor, options)
  const edit = new Editing(repository, destination, applyChanges, request, options)
  const edited = document.kind === 'index' ? await edit.index(document) : await edit.manifest(document)
  await destination.tag(edited, target.tag, { signal: options.signal })
  return edited
}

function isSamePlace(a: Reference, b: Reference): boolean {
  return a.registry === b.registry && a.repository === b.repository
}

/** All of the image, so that its layers are there; within a registry they are taken over. */
async function bring(
  from: Repository,
  to: Repository,
  root: Descriptor,
  { signal }: OpOptions,
): Promise<void> {
  const isOneRegistry = from.reference.registry === to.reference.registry
  const target = isOneRegistry ? mounting(to, from.reference.repository, { signal }) : to
  await copyGraph(from, target, root, { signal })
}

type Found<Kind> = Extract<ManifestDocument, { kind: Kind }>

class Editing {
  readonly #from: Repository
  readonly #to: Repository
  readonly #applyChanges: ApplyChanges
  readonly #request: EditRequest
  readonly #options: OpOptions

  constructor(
    from: Repository,
    to: Repository,
    applyChanges: ApplyChanges,
    request: EditRequest,
    options: OpOptions,
  ) {
    this.#from = from
    this.#to = to
    this.#applyChanges = applyChanges
    this.#request = request
    this.#options = options
  }

  async manifest({ raw, manifest, descriptor }: Found<'manifest'>): Promise<Descriptor> {
    checkImageManifest(manifest)
    const bytes = await fetchSmall(this.#from, manifest.config, this.#options)
    const changed = await this.#applyChanges(parseImageConfig(bytes).config ?? {}, this.#request.changes)
    const config = canonicalJson({ ...(JSON.parse(bytes.toString()) as object), config: changed })
    const { mediaType } = manifest.config
    return await this.#push(descriptor.mediaType, {
      ...(JSON.parse(raw.toString()) as object),
      config: await this.#pushBytes(mediaType, config),
      ...this.#annotations(manifest.annotations),
    })
  }

  async index({ raw, index, descriptor }: Found<'index'>): Promise<Descriptor> {
    const manifests: Descriptor[] = []
    for (const entry of index.manifests.filter((one) => !isAttestation(one))) {
      const found = await fetchDocument(this.#from, entry, this.#options)
      if (found.kind === 'index') throw failure('MANIFEST_INVALID', { reason: 'an index in an index' })
      const { digest, size } = await this.manifest(found)
      manifests.push(inWireOrder({ ...entry, digest, size }))
    }
    return await this.#push(descriptor.mediaType, {
      ...(JSON.parse(raw.toString()) as object),
      manifests,
      ...this.#annotations(index.annotations),
    })
  }

  #annotations(known: Readonly<Record<string, string>> | undefined): object {
    const all = { ...known, ...this.#request.annotations }
    return Object.keys(all).length > 0 ? { annotations: all } : {}
  }

  #push(mediaType: string, document: object): Promise<Descriptor> {
    return this.#pushBytes(mediaType, canonicalJson(document))
  }

  async #pushBytes(mediaType: string, bytes: Buffer): Promise<Descriptor> {
    const descriptor = { mediaType, digest: sha256(bytes), size: bytes.length }
    const { signal } = this.#options
    if (!(await this.#to.exists(descriptor, { signal })))
      await this.#to.push(descriptor, Readable.from([bytes]), { signal })
    return descriptor
  }
}
