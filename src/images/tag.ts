import { familiarRepository, formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import { getImage } from '../store/find-image.ts'

/** Gives an image one more name; the name moves here when another image had it (A27, A28). */
export function tagImage(store: Store, source: string, target: string): void {
  const reference = parseReference(target)
  if (reference.digest !== undefined) throw failure('TAG_BY_DIGEST', {})
  // `sha256:abcd` would be read as the start of an image ID ever after
  if (familiarRepository(reference) === 'sha256') throw failure('TAG_AMBIGUOUS', {})
  const { record } = getImage(store.images, source)
  store.images.tag(formatReference(withDefaultTag(reference)), record.id)
}
