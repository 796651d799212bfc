/**
 * A run of file content. All numbers are bytes. The kernel maps whole blocks of 512: `at` and `offset` are multiples
 * of it, and so is the end of the run, except where the file itself ends. What does not fit (odd sparse maps) belongs
 * into the side blob, as one run for the whole file.
 */
export interface ErofsRange {
  /** Position in the file; ranges ascend and do not overlap. What none covers is a hole (reads as zeros). */
  readonly at: number
  readonly length: number
  /** Position in the layer tar, or in the side blob. */
  readonly offset: number
  /** The bytes lie in the side blob given to the writer. */
  readonly isSide?: true
}

/** What every inode has. */
export interface ErofsCommon {
  /** Permission bits, setuid, setgid and sticky: 0 to 0o7777. */
  readonly mode: number
  /** 0 to 4294967295. */
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch. */
  readonly mtime: bigint
  /** Full names (`user.x`, `security.capability`, `trusted.overlay.opaque`). */
  readonly xattrs?: ReadonlyMap<string, Uint8Array> | undefined
}

export interface ErofsDirectory extends ErofsCommon {
  readonly type: 'directory'
  /**
   * Children by name (no `/`, not `.` or `..`; bytes as `decodeBytes` gives them). A hard link is the same node object
   * under several names: link counts are taken from that.
   */
  readonly children: ReadonlyMap<string, ErofsNode>
}

export interface ErofsFile extends ErofsCommon {
  readonly type: 'file'
  /** Bytes, holes included. */
  readonly size: number
  readonly ranges: readonly ErofsRange[]
}

export interface ErofsSymlink extends ErofsCommon {
  readonly type: 'symlink'
  /** Bytes as `decodeBytes` gives them; 1 to 4095 bytes. */
  readonly linkTarget: string
}

/** A whiteout is a `char` device 0/0. */
export interface ErofsSpecial extends ErofsCommon {
  readonly type: 'char' | 'block' | 'fifo' | 'socket'
  /** The device's number, for `char` and `block`. */
  readonly major: number
  readonly minor: number
}

export type ErofsNode = ErofsDirectory | ErofsFile | ErofsSymlink | ErofsSpecial

/** The whole input of `writeErofs`. */
export interface ErofsTree {
  readonly root: ErofsDirectory
  /** Bytes of the external device (the layer tar). */
  readonly deviceSize: number
  /** Content that cannot be addressed in the device; goes into the image itself. */
  readonly side?: Uint8Array
}

/** A whiteout as overlayfs reads it: hides the name in the layers below. */
export const whiteout: ErofsSpecial = {
  type: 'char',
  mode: 0,
  uid: 0,
  gid: 0,
  mtime: 0n,
  major: 0,
  minor: 0,
}
