import type { Descriptor } from '../../oci/descriptor.ts'
import type { Digest } from '../../oci/digest.ts'
import type { ManifestDocument } from '../../oci/manifest.ts'

/** What a registry keeps of a manifest besides its bytes. */
export interface ManifestFacts {
  /** Blobs that the repository must hold, of these sizes. */
  readonly blobs: readonly Descriptor[]
  /** What else it names: an index may name images that are elsewhere (sparse), and some layers are fetched from elsewhere. */
  readonly members?: readonly Digest[]
  /** It says something about another manifest, which need not be there. */
  readonly referrer?: Referrer
}

export interface Referrer {
  readonly subject: Digest
  /** As the list of the subject's referrers shows it. */
  readonly descriptor: Descriptor
}

export function manifestFacts(document: ManifestDocument): ManifestFacts {
  const referrer = referrerOf(document)
  if (document.kind === 'index') {
    return {
      blobs: [],
      members: document.index.manifests.map(({ digest }) => digest),
      ...(referrer !== undefined && { referrer }),
    }
  }
  const { config, layers } = document.manifest
  return {
    blobs: [config, ...layers.filter((layer) => !isElsewhere(layer))],
    members: layers.filter(isElsewhere).map(({ digest }) => digest),
    ...(referrer !== undefined && { referrer }),
  }
}

/** Source: OCI image-spec 1.1, layer.md, "Non-Distributable Layers". */
function isElsewhere({ urls, mediaType }: Descriptor): boolean {
  return (urls !== undefined && urls.length > 0) || mediaType.includes('.nondistributable.')
}

/** Source: OCI distribution-spec 1.1, "Listing Referrers". */
function referrerOf(document: ManifestDocument): Referrer | undefined {
  const {
    subject,
    annotations,
    artifactType: own,
  } = document.kind === 'index' ? document.index : document.manifest
  if (subject === undefined) return undefined
  const configType = document.kind === 'index' ? undefined : document.manifest.config.mediaType
  const artifactType = own === undefined || own === '' ? configType : own
  return {
    subject: subject.digest,
    descriptor: {
      ...document.descriptor,
      ...(artifactType !== undefined && { artifactType }),
      ...(annotations !== undefined && { annotations }),
    },
  }
}
