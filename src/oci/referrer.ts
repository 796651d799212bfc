import { canonicalJson } from './canonical-json.ts'
import type { Descriptor } from './descriptor.ts'
import { digestHex, type Digest } from './digest.ts'
import type { Index, ManifestDocument } from './manifest.ts'
import { mediaTypes } from './media-types.ts'

/** The tag under which a registry without the referrers API lists them. Source: OCI distribution-spec 1.1, "Referrers Tag Schema". */
export function referrersTag(subject: Digest): string {
  return `sha256-${digestHex(subject)}`
}

/** What a list of referrers says about a document. Source: OCI distribution-spec 1.1, "Listing Referrers". */
export function referrerOf(document: ManifestDocument): Descriptor {
  const { artifactType, annotations } = document.kind === 'index' ? document.index : document.manifest
  const type = artifactType ?? (document.kind === 'manifest' ? document.manifest.config.mediaType : undefined)
  return {
    ...document.descriptor,
    ...(type !== undefined && { artifactType: type }),
    ...(annotations !== undefined && { annotations }),
  }
}

/** The list with `added` in it, once; undefined when it is there already. */
export function withReferrer(list: Index | undefined, added: Descriptor): Buffer | undefined {
  const known = list?.manifests ?? []
  if (known.some(({ digest }) => digest === added.digest)) return undefined
  const index: Index = {
    ...list,
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [...known, added],
  }
  return canonicalJson(index)
}
