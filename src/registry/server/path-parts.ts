import { parseDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { isRepositoryName, isTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import type { PathParts } from './answer.ts'

/** Throws REGISTRY_NAME_INVALID: nothing but a checked name becomes a key (C-S1). */
export function repositoryOf(parts: PathParts): string {
  return parseRepository(parts['repository'] ?? '')
}

function parseRepository(name: string): string {
  if (!isRepositoryName(name)) throw failure('REGISTRY_NAME_INVALID', { name: name.slice(0, 300) })
  return name
}

/** Throws DIGEST_INVALID. */
export function digestOf(parts: PathParts): Digest {
  return parseDigest(parts['digest'])
}

/** A tag or a digest. Throws DIGEST_INVALID for what has a colon, REGISTRY_NAME_INVALID for a bad tag. */
export function manifestReferenceOf(
  parts: PathParts,
): { readonly digest: Digest } | { readonly tag: string } {
  const text = parts['reference'] ?? ''
  if (text.includes(':')) return { digest: parseDigest(text) }
  if (!isTag(text)) throw failure('REGISTRY_NAME_INVALID', { name: text.slice(0, 300) })
  return { tag: text }
}
