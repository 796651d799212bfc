import { createHash } from 'node:crypto'
import { failure } from '../util/errors.ts'

declare const brand: unique symbol
type Brand<Name extends string> = string & { readonly [brand]: Name }

/** `sha256:<64 lower-case hex>`: the hash of a blob's exact bytes. Source: OCI image-spec 1.1, descriptor.md, "Digests". */
export type Digest = Brand<'Digest'>
/** Digest of an *uncompressed* layer tar. Source: OCI image-spec 1.1, config.md, "Layer DiffID". */
export type DiffId = Brand<'DiffId'>
/** Digest of a stack of layers. Source: OCI image-spec 1.1, config.md, "Layer ChainID". */
export type ChainId = Brand<'ChainId'>

const pattern = /^sha256:[0-9a-f]{64}$/

export function isDigest(text: unknown): text is Digest {
  return typeof text === 'string' && pattern.test(text)
}

/** Throws DIGEST_INVALID for anything but `sha256:` and 64 lower-case hex digits: no digest may become a path unchecked. */
export function parseDigest(text: unknown): Digest {
  if (!isDigest(text)) throw failure('DIGEST_INVALID', { text: String(text).slice(0, 100) })
  return text
}

export function parseDiffId(text: unknown): DiffId {
  return parseDigest(text) as string as DiffId
}

/** The 64 hex digits, safe as a file name. */
export function digestHex(digest: Digest | DiffId | ChainId): string {
  return digest.slice('sha256:'.length)
}

/** The first 12 hex digits, as Docker shows ids. */
export function shortId(digest: string): string {
  return digest.replace(/^sha256:/, '').slice(0, 12)
}

export function sha256(bytes: Uint8Array | string): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}` as Digest
}

/** The uncompressed tar is itself a blob, whose digest is the diff ID. */
export function diffIdAsDigest(diffId: DiffId): Digest {
  return diffId as string as Digest
}

/** ChainID of `diffId` on top of `parent`; the chain of a single layer is its diff ID. */
export function chainId(parent: ChainId | undefined, diffId: DiffId): ChainId {
  return (parent === undefined ? diffId : sha256(`${parent} ${diffId}`)) as string as ChainId
}

/** ChainID of a whole stack, bottom first; undefined for no layers (`scratch`). */
export function chainIdOf(diffIds: readonly DiffId[]): ChainId | undefined {
  return diffIds.reduce<ChainId | undefined>((parent, diffId) => chainId(parent, diffId), undefined)
}
