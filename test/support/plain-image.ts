import type { ImageConfig } from '../../src/oci/config.ts'
import type { DiffId } from '../../src/oci/digest.ts'
import type { ImageDraft, Lease, Store } from '../../src/store/store.ts'

/** A draft whose layers are blobs of the given texts: enough for whoever does not look into layers. */
export async function plainDraft(
  store: Store,
  texts: readonly string[],
  names: readonly string[] = [],
  lease?: Lease,
): Promise<ImageDraft> {
  const layers: DiffId[] = []
  for (const text of texts) {
    const { digest } = await store.content.ingest(Buffer.from(text), lease ? { lease } : {})
    layers.push(digest as string as DiffId)
  }
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: layers },
  }
  return { config, names }
}
