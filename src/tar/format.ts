/**
 * Numbers of the tar format, shared by reader and writer.
 * Source: POSIX pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
 */
export const blockSize = 512

/** Offset and length of a header field. */
export type Field = readonly [offset: number, length: number]
type FieldName =
  | 'name'
  | 'mode'
  | 'uid'
  | 'gid'
  | 'size'
  | 'mtime'
  | 'checksum'
  | 'linkName'
  | 'magic'
  | 'devMajor'
  | 'devMinor'
  | 'prefix'
  | 'gnuRealSize'

export const field: Readonly<Record<FieldName, Field>> = {
  name: [0, 100],
  mode: [100, 8],
  uid: [108, 8],
  gid: [116, 8],
  size: [124, 12],
  mtime: [136, 12],
  checksum: [148, 8],
  linkName: [157, 100],
  magic: [257, 8],
  devMajor: [329, 8],
  devMinor: [337, 8],
  prefix: [345, 155],
  gnuRealSize: [483, 12],
}

export const typeFlagOffset = 156

/** Where pairs of an old GNU sparse map lie in a block (two 12-byte numbers each), and the byte that says more follow. */
export interface GnuSparseLayout {
  readonly at: number
  readonly pairs: number
  readonly more: number
}

export const gnuSparseHeader: GnuSparseLayout = { at: 386, pairs: 4, more: 482 }
export const gnuSparseExtension: GnuSparseLayout = { at: 0, pairs: 21, more: 504 }

/** Bytes from `size` to the next block bound. */
export function paddingOf(size: number): number {
  return (blockSize - (size % blockSize)) % blockSize
}

/** Nanoseconds. */
export const second = 1_000_000_000n
