import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Store } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'

/**
 * Removes what builds that were killed left behind (B-BD-1): their folders and snapshots. Each build holds the lock of
 * its own name, so that a free lock says it is dead.
 */
export async function removeLeftovers(store: Store): Promise<void> {
  const ids = await readdir(await store.folder('builds'))
  for (const id of ids) {
    try {
      await using _lock = await store.lock(id, { timeout: 0 })
      const snapshots = await store.snapshots.list()
      for (const { key } of snapshots.filter((one) => one.key.startsWith(`${id}-`)))
        await store.snapshots.remove(key)
      await rm(join(await store.folder('builds'), id), { recursive: true, force: true })
    } catch (error) {
      // at work at this moment
      if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
    }
  }
}
