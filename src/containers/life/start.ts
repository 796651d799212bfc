import type { ProcessMount } from '../../runtime/runtime.ts'
import { currentProcess } from '../../linux/process-identity.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { connectNetworks, type Connected } from '../network/connect-networks.ts'
import { recordConnected, recordEnd, recordEvent } from '../container-events.ts'
import { etcMounts, writeEtcFiles } from '../create/etc-files.ts'
import { monitorExit } from './exit-command.ts'
import { handleOf, lockContainer, logPathOf } from '../handle.ts'
import { watchHealth } from './health.ts'
import { logLimit } from '../create/log-config.ts'
import type { ContainerParts } from '../parts.ts'
import { findCdiDevices } from '../create/cdi.ts'
import { ipcPlace } from '../create/ipc-mode.ts'
import { pidNamespace } from '../create/pid-mode.ts'
import { withoutRestart } from './planned-restart.ts'
import { processSpec } from '../create/process-spec.ts'
import {
  getContainer,
  snapshotKey,
  updateContainer,
  type ContainerData,
  type ContainerRow,
} from '../record.ts'
import { lendMounts } from '../volume/lend-mounts.ts'
import { settleLocked, tryReleaseResources, unprepared } from './settle.ts'

/** Prepares when needed, then lets the process run. CONTAINER_ALREADY_STARTED (not-modified) when it does, or soon will. */
export async function startContainer(parts: ContainerParts, nameOrId: string): Promise<void> {
  const { id } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  const row = await settleLocked(parts, id)
  if (row.data.phase === 'started' || row.data.restart !== undefined)
    throw failure('CONTAINER_ALREADY_STARTED', { name: nameOrId })
  await startLocked(parts, row, begunByUser)
}

/** Starts it again if that is still planned. */
export async function reviveContainer(parts: ContainerParts, id: string): Promise<void> {
  await using _lock = await lockContainer(parts.store, id)
  const row = getContainer(parts.store, id)
  if (row.data.phase === 'exited' && row.data.restart !== undefined)
    await startLocked(parts, row, begunByPolicy)
}

function begunByUser(data: ContainerData): ContainerData {
  const { isStopped: _stopped, restartCount: _count, lastDelay: _delay, lastCode: _code, ...rest } = data
  return withoutRestart(rest)
}

function begunByPolicy(data: ContainerData): ContainerData {
  return { ...withoutRestart(data), restartCount: (data.restartCount ?? 0) + 1 }
}

async function startLocked(
  parts: ContainerParts,
  row: ContainerRow,
  begun: (data: ContainerData) => ContainerData,
): Promise<void> {
  const { id } = row
  await prepareLocked(parts, row)
  // the record comes first: a kill between the two is seen as a container that ended at once, never as one unlisted
  updateContainer(parts.store, id, (data) => ({
    ...begun(data),
    phase: 'started',
    startedAt: Date.now(),
  }))
  try {
    await parts.runtime.start(handleOf(parts, id))
  } catch (error) {
    await undoPreparation(parts, id, error)
    throw error
  }
  recordEvent(parts, row, 'start')
  watchHealth(parts, getContainer(parts.store, id))
}

/** Mounts, network, bundle, monitor: everything before the first instruction. The container's lock is held. */
export async function prepareLocked(parts: ContainerParts, row: ContainerRow): Promise<void> {
  const { store, runtime } = parts
  const { id, data } = row
  if (data.phase === 'prepared') return
  if (data.phase === 'removing') throw failure('CONTAINER_REMOVING', { name: row.name })
  const handle = handleOf(parts, id)
  // said before anything is made: whoever comes after a kill knows that there is something to undo
  updateContainer(store, id, (now) => ({ ...now, phase: 'preparing', preparer: currentProcess() }))
  try {
    await store.folder('containers', id)
    const { path: rootfs } = await store.snapshots.mount(snapshotKey(id))
    const connected = await connectNetworks(parts, row)
    const { network, endpoints } = connected
    // once the runtime has made the process, its own mounts keep what they lead to
    await using lent = await lendMounts(parts, row)
    const spec = processSpec(data, {
      rootfs,
      network,
      pidNamespace: await pidNamespace(parts, data.request),
      ipc: await ipcPlace(parts, row),
      cdi: await findCdiDevices(data.request.cdiDevices ?? []),
      etcMounts: etcFiles(parts, row, connected),
      mounts: lent.mounts,
    })
    await runtime.create(handle, spec, {
      stdin: data.request.openStdin,
      ...logOf(parts, row),
      exitCommand: monitorExit(parts, row),
    })
    recordConnected(parts, row)
    updateContainer(store, id, (now) => ({
      ...withoutExit(now),
      phase: 'prepared',
      error: '',
      endpoints,
      ...(network.kind === 'namespace' && data.joined === undefined && { namespace: network.path }),
    }))
  } catch (error) {
    await undoPreparation(parts, id, error)
    throw error
  }
}

function logOf(
  { store }: ContainerParts,
  { id, data }: ContainerRow,
): { logPath?: string; logLimit?: number } {
  if (data.request.logDriver === 'none') return {}
  const limit = logLimit(data.request)
  return { logPath: logPathOf(store, id), ...(limit !== undefined && { logLimit: limit }) }
}

function withoutExit({ exit, ...data }: ContainerData): ContainerData {
  return { ...data, ...(data.restart && exit && { lastCode: exit.code }) }
}

function etcFiles(parts: ContainerParts, { id, data }: ContainerRow, connected: Connected): ProcessMount[] {
  if (data.joined !== undefined) return etcMounts(handleOf(parts, data.joined).folder)
  const { hostname, request } = data
  const { endpoints, nameServer } = connected
  return writeEtcFiles(handleOf(parts, id).folder, { hostname, request, endpoints, nameServer })
}

/** After a failed start: nothing of it is left but the reason. */
async function undoPreparation(parts: ContainerParts, id: string, error: unknown): Promise<void> {
  const row = getContainer(parts.store, id)
  await tryReleaseResources(parts, row)
  const exit = { code: startFailureCode(error), finishedAt: Date.now(), oomKilled: false }
  const change = (data: ContainerData): ContainerData => ({
    ...unprepared(withoutRestart(data)),
    exit,
    error: error instanceof Error ? error.message : String(error),
  })
  recordEnd(parts, updateContainer(parts.store, id, change, { frees: true }), exit)
}

/** C42: 127 not found, 126 not executable, 128 for all else. */
function startFailureCode(error: unknown): number {
  if (isMilleError(error, 'COMMAND_NOT_FOUND')) return 127
  return isMilleError(error, 'COMMAND_NOT_EXECUTABLE') ? 126 : 128
}
