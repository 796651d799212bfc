/** What a reader accepts at most; crossing one fails with LAYER_LIMIT (paths: LAYER_PATH_TOO_LONG) naming limit and value. */
export interface TarLimits {
  /** Entries of one tar. */
  readonly entries: number
  /** Bytes of one PAX header or GNU long name, by its claim: nothing is allocated beyond it. */
  readonly metaBytes: number
  /** Bytes of a whole path, and of a link target. */
  readonly pathBytes: number
  /** Bytes of one part of a path. */
  readonly partBytes: number
  /** Bytes of one file, holes included. */
  readonly fileBytes: number
  /** Runs of data in one sparse file. */
  readonly sparseSegments: number
  /** Bytes of one extended attribute's value (the kernel's own limit). */
  readonly xattrBytes: number
}

export const defaultTarLimits: TarLimits = {
  entries: 2_000_000,
  metaBytes: 1024 * 1024,
  pathBytes: 4096,
  partBytes: 255,
  fileBytes: 16 * 1024 ** 4,
  sparseSegments: 100_000,
  xattrBytes: 65_536,
}
