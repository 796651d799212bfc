import type { LayerEntry } from '../../store/store.ts'
import type { BuildSession } from '../session.ts'
import type { LowerRoot } from './lower-root.ts'
import type { Owner } from './owner.ts'

/** Entries for the folder `path` and those above it: what the image has stays as it is, the rest is 0755 of `owner`. */
export function folderEntries(
  { timestamps, epoch }: Pick<BuildSession, 'timestamps' | 'epoch'>,
  lower: LowerRoot,
  path: string,
  owner: Owner = { uid: 0, gid: 0 },
): LayerEntry[] {
  const now = BigInt(Date.now()) * 1_000_000n
  const times =
    timestamps === 'preserve' ? { mtime: now } : { mtime: BigInt(epoch) * 1_000_000_000n, localMtime: now }
  const parts = path.split('/')
  return parts.map((_, index) => {
    const folder = parts.slice(0, index + 1).join('/')
    const status = lower.status(folder)
    const xattrs = lower.xattrs(folder)
    return {
      path: folder,
      type: 'directory',
      mode: status === undefined ? 0o755 : status.mode & 0o7777,
      uid: status?.uid ?? owner.uid,
      gid: status?.gid ?? owner.gid,
      ...times,
      ...(xattrs === undefined ? {} : { xattrs }),
    }
  })
}
