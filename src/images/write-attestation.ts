import type { Attestation } from '../oci/composed-image.ts'
import { inWireOrder, type Descriptor } from '../oci/descriptor.ts'
import { digestHex } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import type { Lease, Store } from '../store/store.ts'
import { writeDocument } from './write-document.ts'

const statementType = 'application/vnd.in-toto+json'

/**
 * The attestation manifest of the image that `manifest` names: one in-toto statement for each predicate, kept as its
 * layers. Returns how an index names it: no runtime takes it for an image.
 * Source: BuildKit, "Image Attestation Storage"; in-toto attestation framework, Statement v0.1.
 */
export async function writeAttestation(
  store: Store,
  { subjects, predicates }: Attestation,
  manifest: Descriptor,
  lease: Lease,
): Promise<Descriptor> {
  const digest = { sha256: digestHex(manifest.digest) }
  const subject = (subjects.length === 0 ? ['_'] : subjects).map((name) => ({ name, digest }))
  const layers: Descriptor[] = []
  for (const { predicateType, predicate } of predicates) {
    const statement = { _type: 'https://in-toto.io/Statement/v0.1', predicateType, subject, predicate }
    const written = await writeDocument(store, statementType, statement, lease)
    layers.push({ ...written, annotations: { 'in-toto.io/predicate-type': predicateType } })
  }
  const config = {
    architecture: 'unknown',
    os: 'unknown',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
  }
  const document: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociManifest,
    config: await writeDocument(store, mediaTypes.ociConfig, config, lease),
    layers,
  }
  const written = await writeDocument(store, mediaTypes.ociManifest, document, lease)
  return inWireOrder({
    ...written,
    annotations: {
      'vnd.docker.reference.digest': manifest.digest,
      'vnd.docker.reference.type': 'attestation-manifest',
    },
    platform: { architecture: 'unknown', os: 'unknown' },
  })
}
