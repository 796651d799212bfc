/** What a tar entry is. Contiguous files (type 7) are plain files. */
export type TarType = 'file' | 'directory' | 'symlink' | 'hardlink' | 'char' | 'block' | 'fifo'

/** A device number, as the kernel takes it: 12 bits and 20 bits. */
export interface DeviceNumber {
  readonly major: number
  readonly minor: number
}

/** One run of real data in a sparse file. All numbers are bytes. */
export interface SparseSegment {
  /** Position in the file. */
  readonly offset: number
  readonly length: number
  /** Absolute position of these bytes in the tar. */
  readonly tarOffset: number
}

/**
 * One entry as its headers state it (ustar, PAX, GNU). Names and targets are bytes, kept as strings that lose nothing:
 * see `decodeBytes` in util/byte-string.ts; `encodeBytes` gives the bytes back.
 */
export interface TarEntry {
  /** As written: may start with `/` or `./`, end with `/`, hold `..`. `checkEntry` makes it a clean relative path. */
  readonly path: string
  readonly type: TarType
  /** Permission bits, setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number
  /** 0 to 4294967294. */
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch; may be negative. */
  readonly mtime: bigint
  /** Bytes of the file; of a sparse file its whole length with holes. 0 for everything but files. */
  readonly size: number
  /** Absolute position of the first data byte in the tar: a multiple of 512 (a PAX 1.0 sparse map before it is skipped). */
  readonly offset: number
  /** Bytes of data in the tar from `offset` on; equals `size` unless the file is sparse. */
  readonly storedSize: number
  /** The real data of a sparse file, ascending, without overlaps; absent when the file is not sparse. */
  readonly sparse?: readonly SparseSegment[]
  /** Target of a symbolic link, or path of the entry that a hard link names. */
  readonly linkTarget?: string
  /** Only of `char` and `block`. */
  readonly device?: DeviceNumber
  /** By full name (`security.capability`); absent when there are none. */
  readonly xattrs?: ReadonlyMap<string, Uint8Array>
}
