import type { Descriptor } from './descriptor.ts'
import type { ManifestDocument } from './manifest.ts'

/** What `document` is made of, in its order: an index's manifests, a manifest's config and layers. */
export function successors(document: ManifestDocument): readonly Descriptor[] {
  return document.kind === 'index'
    ? document.index.manifests
    : [document.manifest.config, ...document.manifest.layers]
}
