import { canonicalJson } from '../oci/canonical-json.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Lease, Store } from '../store/store.ts'

/** A document as a blob that `lease` holds. */
export async function writeDocument(
  store: Store,
  mediaType: string,
  document: object,
  lease: Lease,
): Promise<Descriptor> {
  const { digest, size } = await store.content.ingest(canonicalJson(document), { lease })
  return { mediaType, digest, size }
}
