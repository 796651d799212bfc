import { walkTree } from '../../linux/walk-tree.ts'
import type { SnapshotUsage } from '../snapshotter.ts'

/** Allocated bytes and inodes of everything in an open folder, hard links once, the folder itself included. */
export function measureFolder(folder: number): SnapshotUsage {
  const seen = new Set<bigint>()
  let bytes = 0
  for (const { status } of walkTree(folder)) {
    if (seen.has(status.inode)) continue
    seen.add(status.inode)
    bytes += status.blocks * 512
  }
  return { bytes, inodes: seen.size + 1 }
}
