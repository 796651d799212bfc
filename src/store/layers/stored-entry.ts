import type { TarEntry } from '../../tar/entry.ts'
import type { LayerTarEntry } from '../../tar/check-entry.ts'
import type { LayerEntryType } from '../store.ts'

/** Bytes of a file inside the layer tar: `length` bytes at `offset` of the tar are the file's bytes from `at` on. */
export interface StoredRange {
  readonly at: number
  readonly offset: number
  readonly length: number
}

/**
 * One entry of a layer as the store keeps it: checked by `checkLayerEntry`, whiteouts told apart, `path` clean (no leading
 * slash, no `.` or `..` parts; the root is the empty string). Names are strings of util/byte-string.
 */
export interface StoredEntry {
  readonly path: string
  readonly type: LayerEntryType
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
  /** Nanoseconds since the epoch: the true time on this machine where it is known, else the tar's. */
  readonly mtime: bigint
  /** `mtime` is known on this machine only; the tar carries a constant in its place. */
  readonly isLocalTime?: true | undefined
  /** Bytes of the file as a reader sees it. */
  readonly size: number
  /** A file's bytes; what no range covers is a hole. */
  readonly ranges: readonly StoredRange[]
  /** A symlink's target as written; a hard link's as a clean path. */
  readonly linkTarget: string
  readonly major: number
  readonly minor: number
  readonly xattrs: ReadonlyMap<string, Uint8Array>
}

const noRanges: readonly StoredRange[] = []
export const noXattrs: ReadonlyMap<string, Uint8Array> = new Map()

/** Undefined for an entry that is no part of the image. */
export function toStoredEntry({
  kind,
  path,
  linkPath,
  xattrs,
  entry,
}: LayerTarEntry): StoredEntry | undefined {
  if (kind === 'ignored') return undefined
  const isNode = kind === 'node'
  return {
    path,
    type: isNode ? entry.type : kind,
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: entry.mtime,
    size: isNode ? entry.size : 0,
    ranges: isNode && entry.type === 'file' ? rangesOf(entry) : noRanges,
    linkTarget: isNode ? (linkPath ?? entry.linkTarget ?? '') : '',
    major: entry.device?.major ?? 0,
    minor: entry.device?.minor ?? 0,
    xattrs: xattrs ?? noXattrs,
  }
}

function rangesOf({ sparse, offset, size }: TarEntry): readonly StoredRange[] {
  if (sparse === undefined) return size === 0 ? noRanges : [{ at: 0, offset, length: size }]
  return sparse
    .filter(({ length }) => length > 0)
    .map((segment) => ({ at: segment.offset, offset: segment.tarOffset, length: segment.length }))
}
