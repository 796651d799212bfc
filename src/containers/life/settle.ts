import { isRunning } from '../../linux/process-identity.ts'
import { trimLog } from '../../runtime/log/trim-log.ts'
import { isMilleError } from '../../util/errors.ts'
import { disconnectNetworks } from '../network/connect-networks.ts'
import { recordDisconnected, recordEnd, recordEvent } from '../container-events.ts'
import { leaveExitCode, removeNotes } from './exit-command.ts'
import { handleOf, lockContainer, logPathOf, removeFolders } from '../handle.ts'
import { logLimit } from '../create/log-config.ts'
import type { ContainerParts } from '../parts.ts'
import {
  getContainer,
  snapshotKey,
  updateContainer,
  type ContainerData,
  type ContainerRow,
} from '../record.ts'
import { hasHealthcheck, watchHealth } from './health.ts'
import { isPlanned, planRestart } from './planned-restart.ts'
import { restartDelay } from './restart-policy.ts'
import { releaseMounts } from '../volume/lend-mounts.ts'
import { removeVolume } from '../volume/volumes.ts'

/**
 * Brings the record in line with the truth: when the process has ended, its exit is recorded, network and mount are
 * taken down, and a `--rm` container goes. What a killed process left half made is undone. Anybody may do it, at any
 * time; it happens once.
 */
export async function settleContainer(parts: ContainerParts, nameOrId: string): Promise<void> {
  const { id } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  await settleLocked(parts, id)
}

/** As `settleContainer` where there is something to settle and nobody is at work on the container: waits for no one. */
export async function settleIdle(parts: ContainerParts, id: string): Promise<void> {
  const row = parts.store.records<ContainerData>('container').get(id)
  if (!row || !(await needsSettling(parts, row))) return
  try {
    await using _lock = await lockContainer(parts.store, id, { timeout: 0 })
    await settleLocked(parts, id)
  } catch (error) {
    if (!isMilleError(error, 'STORE_LOCK_TIMEOUT', 'NO_SUCH_CONTAINER', 'NO_SPACE')) throw error
  }
}

/** Of all containers: one look at the records when there are none. */
export async function removeForsakenContainers(parts: ContainerParts): Promise<void> {
  const rows = parts.store.records<ContainerData>('container').list()
  for (const { id } of rows.filter(({ data }) => isForsaken(data))) await settleIdle(parts, id)
}

async function needsSettling(parts: ContainerParts, { id, data }: ContainerRow): Promise<boolean> {
  if (data.phase === 'creating' || data.phase === 'preparing') return true
  if (data.phase === 'exited' && data.restart !== undefined) return !isPlanned(data)
  if (data.phase === 'created') return isForsaken(data)
  if (data.phase === 'prepared') return isAbandoned(data)
  if (data.phase !== 'started') return false
  const { status } = await parts.runtime.state(handleOf(parts, id))
  return !isLive(status) || (status === 'running' && isUnwatched(parts, id, data))
}

/** Whoever ran its health checks was killed. */
function isUnwatched(parts: ContainerParts, id: string, data: ContainerData): boolean {
  return hasHealthcheck(data) && !parts.runtime.health(handleOf(parts, id))?.pid
}

const isLive = (status: string): boolean => status === 'running' || status === 'paused'

function isAbandoned({ preparer }: ContainerData): boolean {
  return preparer === undefined || !isRunning(preparer)
}

/**
 * Made by `run --rm`, which was killed before it started it: nobody will, and at its end it would have gone. Without `--rm` it
 * stays as created, as Docker's does: whoever gave it a name finds it, can start it, and `container prune` takes it away.
 */
function isForsaken({ phase, request, starter, startedAt }: ContainerData): boolean {
  if (phase !== 'created' || startedAt !== 0 || !request.autoRemove) return false
  return starter !== undefined && !isRunning(starter)
}

/** As `settleContainer`, the lock held. Returns the row as it is now, also that of a container it removed. */
export async function settleLocked(parts: ContainerParts, id: string): Promise<ContainerRow> {
  const row = getContainer(parts.store, id)
  switch (row.data.phase) {
    case 'creating':
      await removeLocked(parts, row, { volumes: true })
      return row
    case 'created':
      return removeForsaken(parts, row)
    case 'preparing':
      return removeForsaken(parts, await undo(parts, row))
    case 'prepared':
      return isAbandoned(row.data) ? removeForsaken(parts, await undo(parts, row)) : row
    case 'started':
      return settleStarted(parts, row)
    case 'exited':
      return planRestart(parts, row)
    default:
      return row
  }
}

async function removeForsaken(parts: ContainerParts, row: ContainerRow): Promise<ContainerRow> {
  if (isForsaken(row.data)) await removeLocked(parts, row, { volumes: true })
  return row
}

/** Its preparer was killed: the container is again what it was before. */
async function undo(parts: ContainerParts, row: ContainerRow): Promise<ContainerRow> {
  await releaseResources(parts, row)
  return updateContainer(parts.store, row.id, unprepared, { frees: true })
}

/** One that ran before stays an exited one, as Docker shows it. */
export function unprepared({
  endpoints: _endpoints,
  namespace: _namespace,
  preparer: _preparer,
  ...data
}: ContainerData): ContainerData {
  return { ...data, phase: data.startedAt === 0 ? 'created' : 'exited' }
}

async function settleStarted(parts: ContainerParts, row: ContainerRow): Promise<ContainerRow> {
  const state = await parts.runtime.state(handleOf(parts, row.id))
  if (state.status === 'running') watchHealth(parts, row)
  if (isLive(state.status)) return row
  // a process that vanished without a word (host reset, monitor killed) is exited 255: moby's rule, never 0
  const exit =
    state.status === 'exited'
      ? { code: state.exitCode, finishedAt: state.finishedAt || Date.now(), oomKilled: state.oomKilled }
      : { code: 255, finishedAt: Date.now(), oomKilled: false }
  leaveExitCode(parts, row.id, exit.code)
  const delay = restartDelay(row.data, exit)
  const health = hasHealthcheck(row.data) ? parts.runtime.health(handleOf(parts, row.id)) : undefined
  const ended = (data: ContainerData): ContainerData => ({
    ...unprepared(data),
    phase: 'exited',
    exit,
    ...(health && { health: { ...health, pid: 0 } }),
    ...(delay !== undefined && { restart: { at: Date.now() + delay }, lastDelay: delay }),
  })
  const tell = (): void => {
    recordDisconnected(parts, row)
    recordEnd(parts, row, exit)
  }
  if (row.data.request.autoRemove) {
    await removeLocked(parts, row, { volumes: true, ended: tell })
    return { ...row, data: ended(row.data) }
  }
  const release = releases(parts, row)
  await release.network()
  await release.mount()
  const settled = roomPermitting(() => updateContainer(parts.store, row.id, ended, { frees: true }))
  if (settled === undefined) {
    // what the monitor left says it until there is room again
    parts.warn?.(`the end of ${row.name} (exit code ${exit.code}) is not recorded yet: the disk is full`)
    return { ...row, data: ended(row.data) }
  }
  tell()
  // without that the log is only longer than it might be
  await trimEnded(parts, row).catch(() => {})
  await release.process()
  return planRestart(parts, settled)
}

async function trimEnded({ store }: ContainerParts, { id, data }: ContainerRow): Promise<void> {
  const limit = logLimit(data.request)
  if (limit !== undefined) await trimLog(logPathOf(store, id), limit)
}

/** Undefined when the disk is full, even after the store gave back what it keeps aside. */
function roomPermitting<Result>(write: () => Result): Result | undefined {
  try {
    return write()
  } catch (error) {
    if (!isMilleError(error, 'NO_SPACE')) throw error
    return undefined
  }
}

/** Runtime state, network and mount: all that a stopped container does not need. */
async function releaseResources(parts: ContainerParts, row: ContainerRow): Promise<void> {
  const { process, network, mount } = releases(parts, row)
  for (const release of [process, network, mount]) await release()
}

/** After a failure: each is tried, whatever becomes of the others. */
export async function tryReleaseResources(parts: ContainerParts, row: ContainerRow): Promise<void> {
  const { process, network, mount } = releases(parts, row)
  for (const release of [process, network, mount]) await release().catch(() => {})
}

type Release = () => Promise<void>

function releases(
  parts: ContainerParts,
  row: ContainerRow,
): { readonly process: Release; readonly network: Release; readonly mount: Release } {
  const { store, runtime } = parts
  const { id } = row
  return {
    process: () => runtime.delete(handleOf(parts, id), { force: true }),
    network: () => disconnectNetworks(parts, row),
    async mount() {
      await releaseMounts(parts, row)
      await ignoreMissing(store.snapshots.unmount(snapshotKey(id)))
    },
  }
}

/** Of a container whose making was cut short there is no snapshot. */
async function ignoreMissing(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!isMilleError(error, 'SNAPSHOT_NOT_FOUND')) throw error
  })
}

/** Record marked first, then files, then the record: after a kill in the middle the next `rm` or `prune` goes on. */
export async function removeLocked(
  parts: ContainerParts,
  row: ContainerRow,
  options: {
    readonly volumes: boolean
    /** Called when nothing of it runs any more, before its files go. */
    readonly ended?: () => void
  },
): Promise<void> {
  const { store } = parts
  const { id, data } = row
  // without room for the mark it goes on all the same: removing makes room
  roomPermitting(() => updateContainer(store, id, (now) => ({ ...now, phase: 'removing' }), { frees: true }))
  await releaseResources(parts, row)
  options.ended?.()
  await ignoreMissing(store.snapshots.remove(snapshotKey(id)))
  removeFolders(parts, id)
  removeNotes(parts, id)
  const removed = store.records<ContainerData>('container').remove(id, { durable: !data.request.autoRemove })
  if (removed && data.phase !== 'creating') recordEvent(parts, row, 'destroy')
  if (options.volumes) await removeAnonymous(parts, data)
}

/** An anonymous volume that another container took over with `--volumes-from` stays. */
async function removeAnonymous({ store }: ContainerParts, data: ContainerData): Promise<void> {
  for (const name of data.anonymousVolumes) {
    await removeVolume(store, name, true).catch((error: unknown) => {
      if (!isMilleError(error, 'VOLUME_IN_USE')) throw error
    })
  }
}
