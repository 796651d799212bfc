import { messageOf } from '../../util/errors.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerData, ContainerRow } from '../record.ts'
import { settleIdle } from './settle.ts'
import { startContainer } from './start.ts'

/**
 * Starts what policies want to run, as Docker's daemon does when it starts: `always` also when a user stopped it,
 * `unless-stopped` and `on-failure` when it ran until the machine went down. Returns the names of those that will run;
 * one that cannot be started hinders no other.
 */
export async function resumeContainers(parts: ContainerParts): Promise<string[]> {
  const rows = (): ContainerRow[] => parts.store.records<ContainerData>('container').list()
  // what was cut off is seen as ended now, and planned to be started again
  for (const { id } of rows()) await settleIdle(parts, id)
  const resumed: string[] = []
  for (const row of rows()) {
    if (row.data.restart === undefined && !isWanted(row.data)) continue
    try {
      if (row.data.restart === undefined) await startContainer(parts, row.id)
      resumed.push(row.name)
    } catch (error) {
      parts.warn?.(`${row.name} was not started: ${messageOf(error)}`)
    }
  }
  return resumed
}

function isWanted({ phase, request, isStopped, startedAt }: ContainerData): boolean {
  if (phase !== 'exited' || startedAt === 0) return false
  const name = request.restartPolicy?.name
  return name === 'always' || (name === 'unless-stopped' && isStopped !== true)
}
