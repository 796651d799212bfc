import type { Descriptor } from '../oci/descriptor.ts'

/** Does an index name statements about another of its entries here, and no image? Source: BuildKit, "Image Attestation Storage". */
export function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
}
