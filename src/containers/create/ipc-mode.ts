import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { mount, mountFlags } from '../../linux/mount.ts'
import { isMounted } from '../../linux/unmount-below.ts'
import type { ProcessMount, ProcessSpec } from '../../runtime/runtime.ts'
import { defaultShmSize } from '../../runtime/spec.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { getContainer, type ContainerRow } from '../record.ts'

export interface IpcPlace {
  readonly namespace?: NonNullable<ProcessSpec['namespaces']>['ipc']
  /** /dev/shm, where it is shared. */
  readonly mounts: readonly ProcessMount[]
}

/** The `--ipc` of a new container, another container by its ID, as Docker keeps it. INVALID_ARGUMENT, NO_SUCH_CONTAINER. */
export function chooseIpcMode(
  { store }: ContainerParts,
  { ipc = '' }: ContainerRequest,
): Pick<ContainerRequest, 'ipc'> {
  const [, other] = /^container:(.+)$/.exec(ipc) ?? []
  if (other !== undefined) return { ipc: `container:${getContainer(store, other).id}` }
  if (!['', 'private', 'shareable', 'host', 'none'].includes(ipc))
    throw failure('INVALID_ARGUMENT', { reason: `invalid IPC mode: ${ipc}` })
  return ipc === '' ? {} : { ipc }
}

/** For a container that starts now. NO_SUCH_CONTAINER, IPC_NOT_JOINABLE. */
export async function ipcPlace(parts: ContainerParts, { id, data }: ContainerRow): Promise<IpcPlace> {
  const { ipc = '', shmSize } = data.request
  if (ipc === 'host' || ipc === 'none') return { namespace: ipc, mounts: [] }
  if (ipc === 'shareable') return { mounts: [shared(ownMemory(parts, id, shmSize))] }
  const [, other] = /^container:(.+)$/.exec(ipc) ?? []
  if (other === undefined) return { mounts: [] }
  const donor = getContainer(parts.store, other)
  const state = await parts.runtime.state(handleOf(parts, donor.id))
  if (state.status !== 'running' && state.status !== 'paused')
    throw failure('IPC_NOT_JOINABLE', { id: donor.id, reason: ' is not running' })
  if (donor.data.request.ipc !== 'shareable') {
    const reason = ': non-shareable IPC (hint: use IpcMode:shareable for the donor container)'
    throw failure('IPC_NOT_JOINABLE', { id: donor.id, reason })
  }
  return { namespace: { path: `/proc/${state.pid}/ns/ipc` }, mounts: [shared(memoryPath(parts, donor.id))] }
}

/** Where the /dev/shm of a container that others may join is mounted on the host, while it runs. */
export function memoryPath(parts: ContainerParts, id: string): string {
  return join(handleOf(parts, id).runFolder, 'shm')
}

function ownMemory(parts: ContainerParts, id: string, size: number = defaultShmSize): string {
  const target = memoryPath(parts, id)
  mkdirSync(target, { recursive: true, mode: 0o700 })
  const flags = mountFlags.noSuid | mountFlags.noDev | mountFlags.noExec
  if (!isMounted(target))
    mount({ source: 'shm', target, type: 'tmpfs', flags, data: `mode=1777,size=${size}` })
  return target
}

function shared(source: string): ProcessMount {
  return {
    type: 'bind',
    source,
    target: '/dev/shm',
    readonly: false,
    options: ['rprivate', 'nosuid', 'noexec', 'nodev'],
  }
}
