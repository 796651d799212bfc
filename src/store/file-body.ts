import type { Readable } from 'node:stream'

/** Where a regular file's bytes come from. */
export type FileBody =
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'stream'; readonly open: () => Readable }
  /**
   * `open` gives a descriptor at any position, which the writer closes: for files below a folder that others can change.
   * `check` is called when all bytes were read and throws when they are not those that were meant; it is given their
   * SHA-256 when `wantsDigest` says so.
   */
  | {
      readonly kind: 'descriptor'
      readonly wantsDigest?: boolean
      open(): number
      check?(descriptor: number, digest: Uint8Array | undefined): void
    }
