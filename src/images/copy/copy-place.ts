import { formatReference, parseReference, withDefaultTag, type Reference } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'

/** Where an image is copied from, or to. */
export type CopyPlace =
  | { readonly kind: 'registry'; readonly reference: Reference }
  /** A folder in the OCI layout. */
  | { readonly kind: 'layout'; readonly folder: string; readonly tag?: string }
  /** A tar of the OCI layout. */
  | { readonly kind: 'archive'; readonly file: string }
  | { readonly kind: 'store'; readonly name: string }

const kinds: ReadonlyMap<string, CopyPlace['kind']> = new Map([
  ['docker', 'registry'],
  ['oci', 'layout'],
  ['archive', 'archive'],
  ['oci-archive', 'archive'],
  ['store', 'store'],
])

/**
 * `REF` or `docker://REF`, `oci:FOLDER[:TAG]`, `archive:FILE`, `store:NAME`. REFERENCE_INVALID, INVALID_ARGUMENT. An image
 * that is called like one of the words needs `docker://`.
 */
export function parseCopyPlace(text: string): CopyPlace {
  const [, word = '', rest = ''] = /^([a-z-]+):(.*)$/s.exec(text) ?? []
  const kind = kinds.get(word)
  if (word === 'docker' && !rest.startsWith('//')) return registryPlace(text)
  if (kind !== undefined && rest === '') {
    throw failure('INVALID_ARGUMENT', { reason: `"${text}" names nothing behind its colon` })
  }
  switch (kind) {
    case 'layout': {
      const [, folder = rest, tag] = /^(.+):([A-Za-z0-9_][\w.-]{0,127})$/s.exec(rest) ?? []
      return { kind, folder, ...(tag !== undefined && { tag }) }
    }
    case 'archive':
      return { kind, file: rest }
    case 'store':
      return { kind, name: rest }
    case 'registry':
      return registryPlace(rest.slice(2))
    default:
      return registryPlace(text)
  }
}

function registryPlace(text: string): CopyPlace {
  return { kind: 'registry', reference: withDefaultTag(parseReference(text)) }
}

/** The name with a tag under which it is known elsewhere; undefined where it has none. */
export function fullName(place: CopyPlace): string | undefined {
  const reference =
    place.kind === 'registry'
      ? place.reference
      : place.kind === 'store' && !/^(?:sha256:)?[0-9a-f]{12,64}$/.test(place.name)
        ? withDefaultTag(parseReference(place.name))
        : undefined
  return reference?.tag === undefined ? undefined : formatReference({ ...withoutDigest(reference) })
}

function withoutDigest({ registry, repository, tag }: Reference): Reference {
  return { registry, repository, ...(tag !== undefined && { tag }) }
}
