import type { StoredEntry } from '../../src/store/layers/stored-entry.ts'

/** An object with all of an entry's own properties, to be compared: entries read them elsewhere when they are asked. */
export function copyOf(entry: StoredEntry): StoredEntry {
  const { path, type, mode, uid, gid, mtime, isLocalTime, size, ranges, linkTarget, major, minor, xattrs } =
    entry
  return {
    path,
    type,
    mode,
    uid,
    gid,
    mtime,
    ...(isLocalTime === true && { isLocalTime }),
    size,
    ranges,
    linkTarget,
    major,
    minor,
    xattrs,
  }
}
