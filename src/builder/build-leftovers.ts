import { readdirSync, rmdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { unmountBelow } from '../linux/unmount-below.ts'
import type { Store } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'
import { FailedSteps } from './debug/failed-steps.ts'
import type { StepRunner } from './step-runner.ts'

/** Removes a build's folder, never anything that is still mounted in it: a cache mount's own files. */
export async function removeBuildFolder(folder: string): Promise<void> {
  if (removeEmpty(folder)) return
  unmountBelow(folder)
  await rm(folder, { recursive: true, force: true })
}

/** Of a build whose steps were all in the cache: to look through the mounts of the machine may take longer than it did. */
function removeEmpty(folder: string): boolean {
  try {
    rmdirSync(folder)
    return true
  } catch {
    return false
  }
}

/**
 * Removes what builds that were killed left behind (B-BD-1): their folders and snapshots. Each build holds the lock of
 * its own name, so that a free lock says it is dead.
 */
export async function removeLeftovers(store: Store, runner: StepRunner): Promise<void> {
  const kept = new Set(new FailedSteps(store).list().map(({ data }) => data.key))
  const ids = readdirSync(await store.folder('builds'))
  for (const id of ids) {
    try {
      await using _lock = await store.lock(id, { timeout: 0 })
      await runner.removeLeftovers()
      const snapshots = await store.snapshots.list()
      for (const { key } of snapshots.filter((one) => one.key.startsWith(`${id}-`) && !kept.has(one.key)))
        await store.snapshots.remove(key)
      await removeBuildFolder(join(await store.folder('builds'), id))
    } catch (error) {
      // at work at this moment
      if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
    }
  }
}
