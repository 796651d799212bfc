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
      /** The same for another thread of this process, which reads the file by itself. */
      readonly place?: FilePlace
    }

/** A file below an open folder, as it was when it was looked at. */
export interface FilePlace {
  /** Descriptor, open until all is read. */
  readonly root: number
  /** Path of the folder below `root`; no link on the way is followed. */
  readonly folder: string
  readonly name: string
  /** The words that `isSameStatus` (linux/status-words.ts) compares with; read at once. */
  readonly status: Uint32Array
  /** Told when the file was read and found unchanged, its SHA-256 when `wantsDigest` asked for it. */
  /** `hasXattrs`: some that a user sets on purpose. */
  learn(digest: Uint8Array, hasXattrs: boolean): void
}
