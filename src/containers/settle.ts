import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { isMilleError } from '../util/errors.ts'
import { handleOf, lockContainer } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import {
  getContainer,
  snapshotKey,
  updateContainer,
  type ContainerData,
  type ContainerRow,
} from './record.ts'
import { removeVolume } from './volumes.ts'

/**
 * Brings the record in line with the truth: when the process has ended, its exit is recorded, network and mount are
 * taken down, and a `--rm` container goes. Anybody may do it, at any time; it happens once.
 */
export async function settleContainer(parts: ContainerParts, nameOrId: string): Promise<void> {
  const { id } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  await settleLocked(parts, id)
}

/** As `settleContainer`, the lock held. Returns the row as it is now, also that of a container it removed. */
export async function settleLocked(parts: ContainerParts, id: string): Promise<ContainerRow> {
  const { store, runtime } = parts
  const row = getContainer(store, id)
  if (row.data.phase === 'removing') return row
  if (row.data.phase !== 'started') return row
  const state = await runtime.state(await handleOf(store, id))
  if (state.status === 'running' || state.status === 'paused') return row
  // a process that vanished without a word (host reset, monitor killed) is exited 255: moby's rule, never 0
  const exit =
    state.status === 'exited'
      ? { code: state.exitCode, finishedAt: state.finishedAt, oomKilled: state.oomKilled }
      : { code: 255, finishedAt: Date.now(), oomKilled: false }
  await releaseResources(parts, row)
  const settled = updateContainer(store, id, ({ endpoint: _endpoint, ...data }) => ({
    ...data,
    phase: 'exited',
    exit,
  }))
  if (row.data.request.autoRemove) await removeLocked(parts, settled, { volumes: true })
  return settled
}

/** Runtime state, network and mount: all that a stopped container does not need. */
async function releaseResources(
  { store, runtime, bridge }: ContainerParts,
  { id, data }: ContainerRow,
): Promise<void> {
  await runtime.delete(await handleOf(store, id), { force: true })
  if (data.endpoint) await (await bridge()).disconnect(id)
  await store.snapshots.unmount(snapshotKey(id)).catch(ignoreMissing)
}

/** A power cut or an interrupted removal may have taken the snapshot: the container must be removable all the same. */
function ignoreMissing(error: unknown): void {
  if (!isMilleError(error, 'SNAPSHOT_NOT_FOUND')) throw error
}

/** Record marked first, then files, then the record: after a kill in the middle the next `rm` or `prune` goes on. */
export async function removeLocked(
  parts: ContainerParts,
  row: ContainerRow,
  options: { readonly volumes: boolean },
): Promise<void> {
  const { store } = parts
  const { id, data } = row
  updateContainer(store, id, (now) => ({ ...now, phase: 'removing' }))
  await releaseResources(parts, row)
  await store.snapshots.remove(snapshotKey(id)).catch(ignoreMissing)
  await rm(join(store.root, 'containers', id), { recursive: true, force: true })
  store.records<ContainerData>('container').remove(id)
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
