import { closeSync, openSync } from 'node:fs'
import { identifyProcess, isRunning } from '../../linux/process-identity.ts'
import { killQuietly } from '../../linux/kill-quietly.ts'
import { spawnDetached } from '../../linux/spawn-detached.ts'
import type { ContainerParts } from '../parts.ts'
import { remainingDelay } from './restart-policy.ts'
import { updateContainer, type ContainerData, type ContainerRow } from '../record.ts'

/** A shell waits, as it needs a megabyte where mille would hold forty; then it becomes the mille that starts the container. */
const script = 'sleep "$1"; shift; exec "$@"'

/**
 * Has an ended container started when its time has come, by a process that outlives this one. The container's lock is
 * held. When that process is killed, the next mille that looks at the container plans anew.
 */
export function planRestart(parts: ContainerParts, row: ContainerRow): ContainerRow {
  const { restart } = row.data
  if (restart === undefined || isPlanned(row.data)) return row
  const seconds = remainingDelay(row.data, Date.now()) / 1000
  const nothing = openSync('/dev/null', 'r+')
  try {
    const pid = spawnDetached({
      path: '/bin/sh',
      args: ['-c', script, 'restart', seconds.toFixed(3), ...parts.command(['container', 'revive', row.id])],
      env: { PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin' },
      folder: '/',
      descriptors: [nothing, nothing, nothing],
    })
    const by = identifyProcess(pid)
    return updateContainer(parts.store, row.id, (now) => ({
      ...now,
      restart: { at: restart.at, ...(by && { by }) },
    }))
  } finally {
    closeSync(nothing)
  }
}

/** Is there a process that will start it? */
export function isPlanned({ restart }: ContainerData): boolean {
  return restart?.by !== undefined && isRunning(restart.by)
}

/** It stays as it is. The container's lock is held, so that the process which waits is not at work on it. */
export function cancelRestart({ store }: ContainerParts, { id, data }: ContainerRow): ContainerRow {
  const by = data.restart?.by
  // the leader of a session of its own, with sleep(1) in it
  if (by !== undefined && isRunning(by)) killQuietly(-by.pid)
  return updateContainer(store, id, withoutRestart, { frees: true })
}

export function withoutRestart({ restart: _restart, ...data }: ContainerData): ContainerData {
  return data
}
