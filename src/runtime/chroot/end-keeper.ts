import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning, type ProcessIdentity } from '../../linux/process-identity.ts'
import { readText } from '../../util/read-text.ts'
import { eraseSecrets } from './erase-secrets.ts'
import { endProcessesIn } from './processes-in.ts'

/** In a step's folder: who keeps its processes. */
export const keeperFile = 'keeper.json'

export interface KeeperRecord {
  readonly keeper: ProcessIdentity | undefined
  readonly rootfs: string
  /** Paths below it. Absent: of an earlier release. */
  readonly secrets?: readonly string[]
}

/** Milliseconds that a keeper may take to end its step once the process that started it has died. */
const patience = 10_000

/**
 * Resolves when nothing of a step runs any more whose builder died, and its secrets are gone, also when its keeper was killed;
 * at once when it had no keeper.
 */
export async function endKeeper(folder: string): Promise<void> {
  const path = join(folder, keeperFile)
  if (!existsSync(path)) return
  const { keeper, rootfs, secrets = [] } = JSON.parse(readText(path)) as KeeperRecord
  if (keeper !== undefined)
    for (let waited = 0; waited < patience && isRunning(keeper); waited += 2) await sleep(2)
  await endProcessesIn(rootfs)
  eraseSecrets(rootfs, secrets)
}
