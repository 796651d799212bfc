import type { ChainInfo } from '../snapshotter.ts'
import { currentProcess } from '../../linux/process-identity.ts'
import type { BlobInfo, BlobStore } from '../store.ts'
import type { Database } from '../metadata/database.ts'
import type { SweepParts } from './sweep.ts'
import { sweep } from './sweep.ts'

/**
 * Was the store last opened in another boot? One read: cheap enough for every open. A new store takes note of this one.
 */
export function isOtherBoot(database: Database): boolean {
  // nothing can be mended there, and nothing be built upon it either
  if (database.readOnly) return false
  const boot = database.get("SELECT value FROM meta WHERE key = 'boot'")?.['value']
  if (boot === undefined) {
    database.run("INSERT OR IGNORE INTO meta (key, value) VALUES ('boot', ?)", currentProcess().boot)
    return false
  }
  return boot !== currentProcess().boot
}

/**
 * The first open after a boot. A power cut may have taken the bytes of whatever was published without a sync, and
 * nothing on the disk tells which. So everything that no durable record names goes, before anyone can take it for
 * good: leases (their holders are gone), volatile cache records, and the blobs and chains that only those kept.
 */
export async function recoverAfterBoot(parts: SweepParts, content: Pick<BlobStore, 'list'>): Promise<void> {
  const { database, snapshots } = parts
  const blobs: BlobInfo[] = await Array.fromAsync(content.list())
  const chains: readonly ChainInfo[] = await snapshots.chains()
  const begin = (): boolean => {
    // another process may have done it meanwhile
    if (!isOtherBoot(database)) return false
    database.exec('DELETE FROM leases; DELETE FROM volatile; DELETE FROM cache WHERE volatile = 1')
    database.run("INSERT OR REPLACE INTO meta (key, value) VALUES ('boot', ?)", currentProcess().boot)
    return true
  }
  const swept = await sweep(
    parts,
    blobs,
    chains.map(({ chain }) => chain),
    begin,
  )
  await swept.chainData
}
