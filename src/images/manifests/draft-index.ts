import { canonicalJson } from '../../oci/canonical-json.ts'
import { inWireOrder, type Descriptor } from '../../oci/descriptor.ts'
import { sha256 } from '../../oci/digest.ts'
import type { Index } from '../../oci/manifest.ts'
import { mediaTypes } from '../../oci/media-types.ts'
import type { Source } from './manifests.ts'

/** What a draft becomes: Docker's list when all in it is Docker's, else an OCI index. */
export function draftIndex(entries: readonly Source[]): {
  readonly descriptor: Descriptor
  readonly raw: Buffer
  readonly index: Index
} {
  const isDocker = entries.every(({ descriptor }) => descriptor.mediaType === mediaTypes.dockerManifest)
  const mediaType = isDocker ? mediaTypes.dockerList : mediaTypes.ociIndex
  const manifests = entries.map(({ descriptor }) => inWireOrder(descriptor))
  const index: Index = { schemaVersion: 2, mediaType, manifests }
  const raw = canonicalJson(index)
  return { descriptor: { mediaType, digest: sha256(raw), size: raw.length }, raw, index }
}
