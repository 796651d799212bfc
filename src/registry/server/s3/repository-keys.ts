import { digestHex, type Digest } from '../../../oci/digest.ts'

/** What lies in the bucket below `repos/<name>/`: no part of a name begins with `_`, so that no two repositories mix. */
export const blobFolder = (repository: string): string => `repos/${repository}/_blobs/`
export const manifestFolder = (repository: string): string => `repos/${repository}/_manifests/`
export const tagFolder = (repository: string): string => `repos/${repository}/_tags/`

/** The repository's word that it holds a blob, and where the bytes lie. */
export const linkKey = (repository: string, digest: Digest): string =>
  blobFolder(repository) + digestHex(digest)
export const manifestKey = (repository: string, digest: Digest): string =>
  manifestFolder(repository) + digestHex(digest)
export const tagKey = (repository: string, tag: string): string => tagFolder(repository) + tag

/** Which tags may name a manifest, so that deleting it need not read all tags. */
export const taggedFolder = (repository: string, digest: Digest): string =>
  `repos/${repository}/_tagged/${digestHex(digest)}/`

/** What says something about a manifest: each object holds the descriptor that the list of referrers shows. */
export const referrersFolder = (repository: string, subject: Digest): string =>
  `repos/${repository}/_referrers/${digestHex(subject)}/`
export const referrerKey = (repository: string, subject: Digest, digest: Digest): string =>
  referrersFolder(repository, subject) + digestHex(digest)
/** The subject of a manifest, so that deleting it finds that object. */
export const subjectKey = (repository: string, digest: Digest): string =>
  `repos/${repository}/_subjects/${digestHex(digest)}`

/** One object a repository, so that a list of names is a list of keys. */
export const namesFolder = 'names/'

/** Where the bytes of a blob lie, for repositories that get it anew. */
export const placeKey = (digest: Digest): string => `blobs/${digestHex(digest)}`
