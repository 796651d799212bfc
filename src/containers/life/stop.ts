import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { isRunning } from '../../linux/process-identity.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { recordEvent } from '../container-events.ts'
import { attend } from './exit-command.ts'
import { handleOf, lockContainer } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { watchHealth } from './health.ts'
import { cancelRestart } from './planned-restart.ts'
import { getContainer, updateContainer, type ContainerData, type ContainerRow } from '../record.ts'
import { hasPolicy } from './restart-policy.ts'
import { parseSignal } from './signals.ts'
import { removeLocked, settleContainer, settleLocked } from './settle.ts'
import { startContainer } from './start.ts'

/** Seconds between the stop signal and SIGKILL, as Docker's default. */
const defaultTimeout = 10
/** Seconds after SIGKILL until the process counts as stuck in the kernel (B-RN-11). */
const killTimeout = 10

/** STOPSIGNAL, grace time, SIGKILL. CONTAINER_ALREADY_STOPPED (not-modified) when nothing runs; PROCESS_STUCK. */
export async function stopContainer(
  parts: ContainerParts,
  nameOrId: string,
  options: { readonly timeout?: number | undefined; readonly stopSignal?: string | undefined } = {},
): Promise<void> {
  const row = await currentRow(parts, nameOrId)
  const isLive = row.data.phase === 'started' || row.data.phase === 'prepared'
  if (!isLive && row.data.restart === undefined) {
    throw failure('CONTAINER_ALREADY_STOPPED', { name: nameOrId })
  }
  const signal =
    options.stopSignal === undefined
      ? ownStopSignal(row.data.config.StopSignal)
      : parseSignal(options.stopSignal)
  const seconds = options.timeout ?? row.data.request.stopTimeout ?? defaultTimeout
  if (!(await keepEnded(parts, row))) {
    await endProcess(parts, row, signal, seconds)
    await settleContainer(parts, row.id).catch(ignoreGone)
  }
  recordEvent(parts, row, 'stop')
}

/** SIGTERM for a signal that does not exist: an image's config must not make a container unstoppable. */
function ownStopSignal(text = 'SIGTERM'): number {
  try {
    return parseSignal(text)
  } catch (error) {
    if (!isMilleError(error, 'SIGNAL_INVALID')) throw error
    return constants.signals.SIGTERM
  }
}

/** What a user ends is not started again. True when it has ended already and only waited for that. */
async function keepEnded(parts: ContainerParts, { id, data }: ContainerRow): Promise<boolean> {
  if (!hasPolicy(data.request)) return false
  await using _lock = await lockContainer(parts.store, id)
  const now = await settleLocked(parts, id)
  markStopped(parts, id)
  if (now.data.restart === undefined) return false
  cancelRestart(parts, now)
  return true
}

function markStopped({ store }: ContainerParts, id: string): void {
  updateContainer(store, id, (data) => ({ ...data, isStopped: true }), { frees: true })
}

async function endProcess(
  parts: ContainerParts,
  row: ContainerRow,
  signal: number,
  seconds: number,
): Promise<void> {
  const handle = handleOf(parts, row.id)
  await using _attending = await attend(parts, handle.id)
  const ended = parts.runtime.wait(handle)
  // a paused process takes no signal before it is thawed
  if ((await parts.runtime.state(handle)).status === 'paused') await parts.runtime.resume(handle)
  const send = async (number: number): Promise<void> => {
    recordEvent(parts, row, 'kill', { signal: String(number) })
    await parts.runtime.kill(handle, number).catch(ignoreGone)
  }
  await send(signal)
  if (seconds < 0 || (await within(ended, seconds))) return void (await ended)
  if (signal !== constants.signals.SIGKILL) await send(constants.signals.SIGKILL)
  if (!(await within(ended, killTimeout))) throw failure('PROCESS_STUCK', { name: row.id.slice(0, 12) })
}

async function within(work: Promise<unknown>, seconds: number): Promise<boolean> {
  const timer = new AbortController()
  const late = sleep(seconds * 1000, false, { signal: timer.signal }).catch(() => false)
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    timer.abort()
  }
}

/** The process may end, or the container be removed by `--rm`, between a look and a signal. */
function ignoreGone(error: unknown): void {
  if (!isMilleError(error, 'NO_SUCH_CONTAINER', 'CONTAINER_NOT_RUNNING')) throw error
}

/** CONTAINER_NOT_KILLED (409) when it is stopped. */
export async function killContainer(
  parts: ContainerParts,
  nameOrId: string,
  signal = 'SIGKILL',
): Promise<void> {
  const number = parseSignal(signal)
  const row = await currentRow(parts, nameOrId)
  const ends = number === constants.signals.SIGKILL || number === ownStopSignal(row.data.config.StopSignal)
  if (ends && (await keepEnded(parts, row))) return
  if (row.data.phase !== 'started') throw failure('CONTAINER_NOT_KILLED', { name: nameOrId, id: row.id })
  const handle = handleOf(parts, row.id)
  const send = async (): Promise<void> => {
    // what is frozen takes a signal when it is thawed, and not before
    const isFrozen = ends && (await parts.runtime.state(handle)).status === 'paused'
    await parts.runtime.kill(handle, number)
    if (isFrozen) await parts.runtime.resume(handle)
    recordEvent(parts, row, 'kill', { signal: String(number) })
  }
  if (number !== 9) return await send()
  await using _attending = await attend(parts, handle.id)
  await send()
  await within(parts.runtime.wait(handle), killTimeout)
  await settleContainer(parts, row.id).catch(ignoreGone)
}

export async function restartContainer(
  parts: ContainerParts,
  nameOrId: string,
  options: { readonly timeout?: number | undefined },
): Promise<void> {
  const row = getContainer(parts.store, nameOrId)
  const { id } = row
  await stopContainer(parts, id, options).catch((error: unknown) => {
    if (!isMilleError(error, 'CONTAINER_ALREADY_STOPPED')) throw error
  })
  await startContainer(parts, id)
  recordEvent(parts, row, 'restart')
}

export async function pauseContainer(parts: ContainerParts, nameOrId: string, pause: boolean): Promise<void> {
  const row = await runningRow(parts, nameOrId).catch((error: unknown) => {
    if (pause || !isMilleError(error, 'CONTAINER_NOT_RUNNING')) throw error
    throw failure('CONTAINER_NOT_PAUSED', { name: getContainer(parts.store, nameOrId).id }, { cause: error })
  })
  const handle = handleOf(parts, row.id)
  const paused = (await parts.runtime.state(handle)).status === 'paused'
  if (paused === pause) {
    throw failure(pause ? 'CONTAINER_ALREADY_PAUSED' : 'CONTAINER_NOT_PAUSED', { name: row.id })
  }
  // what is paused answers no probe, and is not unhealthy for that
  if (pause) parts.runtime.endHealth(handle)
  await (pause ? parts.runtime.pause(handle) : parts.runtime.resume(handle))
  if (!pause) watchHealth(parts, row)
  recordEvent(parts, row, pause ? 'pause' : 'unpause')
}

/** CONTAINER_RUNNING (409) without `force`; goes on with a removal that was interrupted. */
export async function removeContainer(
  parts: ContainerParts,
  nameOrId: string,
  options: {
    readonly force?: boolean | undefined
    readonly volumes?: boolean | undefined
    /** CONTAINER_RUNNING also when a process that lives is about to start it. */
    readonly onlyIdle?: boolean
  } = {},
): Promise<void> {
  const { id, name } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  const row = await settleLocked(parts, id)
  if (parts.store.records<ContainerData>('container').get(id) === undefined) return
  const isRestarting = row.data.restart !== undefined
  const isTaken =
    row.data.phase === 'started' || isRestarting || (options.onlyIdle === true && isAwaited(row.data))
  if (isTaken && options.force !== true) {
    throw failure('CONTAINER_RUNNING', { name, state: isRestarting ? 'restarting' : 'running' })
  }
  if (isRestarting) cancelRestart(parts, row)
  else if (hasPolicy(row.data.request)) markStopped(parts, id)
  // as any other end, so that whoever waits for it learns the exit code
  if (row.data.phase === 'started') await endProcess(parts, row, 9, 0)
  const ended = await settleLocked(parts, id)
  if (parts.store.records<ContainerData>('container').get(id) === undefined) return
  await removeLocked(parts, ended, { volumes: options.volumes === true })
}

function isAwaited({ phase, starter, preparer }: ContainerData): boolean {
  const waits = phase === 'created' || phase === 'prepared'
  return waits && [starter, preparer].some((process) => process !== undefined && isRunning(process))
}

async function currentRow(parts: ContainerParts, nameOrId: string): Promise<ContainerRow> {
  const { id } = getContainer(parts.store, nameOrId)
  await settleContainer(parts, id).catch(ignoreGone)
  return getContainer(parts.store, id)
}

/** A container whose process runs or is paused; CONTAINER_NOT_RUNNING. */
export async function runningRow(parts: ContainerParts, nameOrId: string): Promise<ContainerRow> {
  const row = await currentRow(parts, nameOrId)
  if (row.data.restart !== undefined) throw failure('CONTAINER_RESTARTING', { id: row.id })
  if (row.data.phase !== 'started') throw failure('CONTAINER_NOT_RUNNING', { id: row.id })
  return row
}
