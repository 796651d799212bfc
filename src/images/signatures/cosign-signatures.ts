import { buffer } from 'node:stream/consumers'
import type { Descriptor } from '../../oci/descriptor.ts'
import { digestHex, type Digest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import type { Repository } from '../../registry/repository.ts'
import { isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'

export interface Signature {
  /** The bytes that were signed. */
  readonly payload: Buffer
  readonly signature: Buffer
}

/** What cosign calls its signatures as referrers. */
const artifactType = 'application/vnd.dev.cosign.artifact.sig.v1+json'
const payloadType = 'application/vnd.dev.cosign.simplesigning.v1+json'
const signatureKey = 'dev.cosignproject.cosign/signature'

const maxPayload = 64 * 1024
/** Signatures of one image that are looked at, and manifests with such: a registry must not keep a pull busy. */
const mostSignatures = 100
const mostManifests = 20

/**
 * Signatures of `subject` as cosign stores them: under the tag `sha256-<hex>.sig`, and as referrers. They are a registry's
 * word, nothing of them is verified here. Source: cosign, specs/SIGNATURE_SPEC.md.
 */
export async function* cosignSignatures(
  repository: Repository,
  subject: Digest,
  options: OpOptions,
): AsyncIterable<Signature> {
  let read = 0
  for await (const manifest of manifestsOf(repository, subject, options)) {
    for (const layer of manifest) {
      const text = layer.annotations?.[signatureKey]
      if (layer.mediaType !== payloadType || layer.size > maxPayload || text === undefined) continue
      if ((read += 1) > mostSignatures) return
      const payload = await readOrNothing(repository, layer, options)
      if (payload) yield { payload, signature: Buffer.from(text, 'base64') }
    }
  }
}

async function* manifestsOf(
  repository: Repository,
  subject: Digest,
  options: OpOptions,
): AsyncIterable<readonly Descriptor[]> {
  const tagged = await repository.resolve(`sha256-${digestHex(subject)}.sig`, options).catch(nothingIfUnknown)
  if (tagged) yield await layersOf(repository, tagged, options)
  let seen = 0
  for await (const referrer of repository.referrers(subject, { ...options, artifactType })) {
    if ((seen += 1) > mostManifests) return
    if (referrer.digest !== tagged?.digest) yield await layersOf(repository, referrer, options)
  }
}

async function layersOf(
  repository: Repository,
  descriptor: Descriptor,
  options: OpOptions,
): Promise<readonly Descriptor[]> {
  if (descriptor.size > documentLimit) return []
  const raw = await readOrNothing(repository, descriptor, options)
  if (!raw) return []
  const document = parseManifestDocument(raw, descriptor.mediaType)
  return document.kind === 'manifest' ? document.manifest.layers : []
}

/** What is named and not there is no signature; the others may do. */
async function readOrNothing(
  repository: Repository,
  descriptor: Descriptor,
  options: OpOptions,
): Promise<Buffer | undefined> {
  const { signal } = options
  const body = await repository.fetch(descriptor, { signal }).catch(nothingIfUnknown)
  return body && (await buffer(body))
}

function nothingIfUnknown(error: unknown): undefined {
  if (isMilleError(error) && error.kind === 'not-found') return undefined
  throw error
}
