import { killQuietly } from '../../linux/kill-quietly.ts'
import { readIfThere } from '../../util/read-text.ts'
import type { HealthState, ProbeResult } from './health-state.ts'
import type { ContainerHandle } from '../runtime.ts'

/** Where the loop of a container's health checks keeps what it knows. */
export interface HealthFiles {
  readonly folder: string
  /** Number of the loop's process. */
  readonly watcher: string
  /** Status, failing streak, number of probes so far. */
  readonly state: string
}

export function healthFiles({ runFolder }: ContainerHandle): HealthFiles {
  const folder = `${runFolder}/health`
  return { folder, watcher: `${folder}/watcher`, state: `${folder}/state` }
}

/** The process that runs the probes; undefined when it does not live. */
export function healthWatcher(handle: ContainerHandle): number | undefined {
  const pid = Number(readIfThere(healthFiles(handle).watcher))
  // by now the number may be another process's
  const words = pid > 1 ? readIfThere(`/proc/${pid}/cmdline`).split('\0') : []
  return words.includes(`health-${handle.id}`) ? pid : undefined
}

/** Ends the loop with all that it has running, in its own session. */
export function endHealth(handle: ContainerHandle): void {
  const pid = healthWatcher(handle)
  if (pid !== undefined) killQuietly(-pid)
}

/** Undefined when no health checks were begun in this run of the container. */
export function readHealth(handle: ContainerHandle): HealthState | undefined {
  const { folder, state, watcher } = healthFiles(handle)
  if (readIfThere(watcher) === '') return undefined
  const [status = '', streak = '0'] = readIfThere(state).trim().split(' ')
  const log = [0, 1, 2, 3, 4].flatMap((index) => readProbe(`${folder}/log.${index}`))
  return {
    status: status === 'healthy' || status === 'unhealthy' ? status : 'starting',
    failingStreak: Number(streak),
    pid: healthWatcher(handle) ?? 0,
    log: log.toSorted((a, b) => a.start - b.start),
  }
}

function readProbe(path: string): ProbeResult[] {
  const text = readIfThere(path)
  const [, start = '', end = '', code = ''] = /^(\d+) (\d+) (-?\d+)\n/.exec(text) ?? []
  if (start === '') return []
  const milliseconds = (nanos: string): number => Number(BigInt(nanos) / 1000n) / 1000
  return [
    {
      start: milliseconds(start),
      end: milliseconds(end),
      exitCode: Number(code),
      output: text.slice(text.indexOf('\n') + 1),
    },
  ]
}
