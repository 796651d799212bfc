import { closeSync, mkdirSync, openSync, writeFileSync } from 'node:fs'
import { spawnDetached } from '../../linux/spawn-detached.ts'
import { getRunning } from '../container-files.ts'
import type { RuntimeSeat } from '../containers.ts'
import { execDocument } from '../exec.ts'
import { healthFiles, healthWatcher } from './health-files.ts'
import { healthProgram } from './health-script.ts'
import { runtimeEnvironment } from '../oci-program.ts'
import type { HealthCheck } from './health-state.ts'
import type { ContainerHandle } from '../runtime.ts'
import { specText } from '../spec.ts'

/** Milliseconds that the runtime may take to make a probe. */
const longestExec = 60_000

/**
 * Begins the health checks of a running container, in a process of their own; nothing when they run. What is known of
 * earlier probes of this run stays. Errors: CONTAINER_NOT_RUNNING, USER_*, WORKDIR_INVALID.
 */
export function watchHealth(seat: RuntimeSeat, handle: ContainerHandle, check: HealthCheck): void {
  if (healthWatcher(handle) !== undefined) return
  const identity = getRunning(handle)
  const { folder, watcher } = healthFiles(handle)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const document = `${folder}/process.json`
  writeFileSync(document, specText(execDocument(handle, check.process, identity).document), { mode: 0o600 })
  const { path, plainPrefix } = seat.program
  const exec = ['exec', '--process', document, '--pid-file', `${folder}/pid`, handle.id]
  const { args, env } = healthProgram(handle.id, {
    probe: [path, ...plainPrefix, '--root', seat.root, ...exec],
    report: check.onChange,
    container: identity.process.pid,
    interval: seconds(check.interval),
    startInterval: seconds(check.startInterval),
    timeout: seconds(check.timeout),
    hardTimeout: seconds(check.timeout + longestExec),
    timeoutNanos: nanos(check.timeout),
    startingUntil: nanos(check.startedAt + check.startPeriod),
    retries: check.retries,
    overdue: `Health check exceeded timeout (${durationText(check.timeout)})`,
  })
  const nothing = openSync('/dev/null', 'r+')
  try {
    const pid = spawnDetached({
      path: '/bin/sh',
      args,
      env: { ...runtimeEnvironment(), PATH: process.env['PATH'] ?? '/usr/sbin:/usr/bin:/sbin:/bin', ...env },
      folder,
      descriptors: [nothing, nothing, nothing],
    })
    writeFileSync(watcher, `${pid}\n`)
  } finally {
    closeSync(nothing)
  }
}

function seconds(milliseconds: number): string {
  return (milliseconds / 1000).toFixed(3)
}

function nanos(milliseconds: number): bigint {
  return BigInt(Math.round(milliseconds * 1000)) * 1000n
}

/** As Go prints durations: `1.5s`, `1m0s`. */
function durationText(milliseconds: number): string {
  if (milliseconds < 1000) return `${milliseconds}ms`
  const [minutes, rest] = [Math.floor(milliseconds / 60_000), (milliseconds % 60_000) / 1000]
  if (minutes === 0) return `${rest}s`
  return minutes < 60 ? `${minutes}m${rest}s` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}s`
}
