import type { Digest } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import type { ContainerDetails, ContainerRequest, Containers } from '../containers.ts'
import type { Volumes } from '../volume/volume-details.ts'
import { exportContainer, readArchive, statPath, writeArchive } from '../archive.ts'
import { commitContainer } from '../commit.ts'
import { recordEvent } from '../container-events.ts'
import { createContainer } from './create.ts'
import { containerDetails } from '../details.ts'
import { attachContainer, execInContainer, resizeContainer, topContainer } from '../exec.ts'
import { recordHealth } from '../life/health.ts'
import { listContainers } from '../list.ts'
import { createLogKeeping } from '../life/log-keeping.ts'
import { createNetworks } from '../network/create-networks.ts'
import type { Networks } from '../network/networks.ts'
import { readLogs } from '../logs.ts'
import type { ContainerParts } from '../parts.ts'
import { handleOf } from '../handle.ts'
import type { ResourceUsage } from '../../runtime/limits/resource-counters.ts'
import { getContainer, snapshotKey, type ContainerData } from '../record.ts'
import { removeForsakenContainers, settleContainer, settleIdle } from '../life/settle.ts'
import { resumeContainers } from '../life/resume.ts'
import { reviveContainer, startContainer } from '../life/start.ts'
import {
  killContainer,
  pauseContainer,
  removeContainer,
  restartContainer,
  stopContainer,
} from '../life/stop.ts'
import { createVolumes, hasLabel } from '../volume/volumes.ts'
import { renameContainer } from '../rename.ts'
import { updateRequest } from '../update.ts'
import { waitContainer } from '../life/wait.ts'

/** Who uses an image: what `images` needs to know before it removes one. */
export interface ImageUse {
  readonly containerId: string
  readonly name: string
  readonly running: boolean
  readonly reference: string
}

export interface ContainersAndVolumes extends Disposable {
  readonly containers: Containers
  readonly volumes: Volumes
  readonly networks: Networks
  usersOf(id: Digest): Promise<readonly ImageUse[]>
  /** For the hidden command that the monitor runs after a container's end. */
  settle(nameOrId: string): Promise<void>
}

/** As `mille create` without a flag. */
const defaultRequest: Omit<ContainerRequest, 'image'> = {
  env: [],
  tty: false,
  openStdin: false,
  labels: {},
  mounts: [],
  network: 'bridge',
  ports: [],
  publishAll: false,
  extraHosts: [],
  dns: [],
  readonlyRootfs: false,
  init: false,
  privileged: false,
  capAdd: [],
  capDrop: [],
  autoRemove: false,
  logDriver: 'json-file',
  logOptions: {},
  ulimits: [],
  securityOptions: [],
}

/** Containers over the store and the runtime. Nothing is opened or started by making them. */
export function createContainers(parts: ContainerParts): ContainersAndVolumes {
  const { store } = parts
  const logKeeping = createLogKeeping(parts)
  const logged = async (nameOrId: string, start: () => Promise<void>): Promise<void> => {
    const { id } = getContainer(store, nameOrId)
    await start()
    logKeeping.started(id)
  }
  const containers: Containers = {
    list: (options) => listContainers(parts, options),
    inspect: (nameOrId, options) => inspectContainer(parts, nameOrId, options?.size === true),
    create: (wish, options) => createContainer(parts, { ...defaultRequest, ...wish }, options),
    start: (nameOrId) => logged(nameOrId, () => startContainer(parts, nameOrId)),
    stop: (nameOrId, options = {}) =>
      stopContainer(parts, nameOrId, { timeout: options.timeout, stopSignal: options.stopSignal }),
    resume: () => resumeContainers(parts),
    revive: (id) => logged(id, () => reviveContainer(parts, id)),
    tellHealth: async (id, status) => recordHealth(parts, id, status),
    restart: (nameOrId, options = {}) =>
      logged(nameOrId, () => restartContainer(parts, nameOrId, { timeout: options.timeout })),
    kill: (nameOrId, signal) => killContainer(parts, nameOrId, signal),
    pause: (nameOrId) => pauseContainer(parts, nameOrId, true),
    unpause: (nameOrId) => pauseContainer(parts, nameOrId, false),
    rename: (nameOrId, name) => renameContainer(parts, nameOrId, name),
    update: (nameOrId, update) => updateRequest(parts, nameOrId, update),
    usage: (nameOrId) => containerUsage(parts, nameOrId),
    remove: (nameOrId, options) => removeContainer(parts, nameOrId, options),
    prune: (options) => pruneContainers(parts, options),
    attach: (nameOrId, options) => attachContainer(parts, nameOrId, options),
    resize: (nameOrId, columns, rows) => resizeContainer(parts, nameOrId, columns, rows),
    wait: (nameOrId, options) => waitContainer(parts, nameOrId, options),
    logs: (nameOrId, options) => readLogs(parts, nameOrId, options),
    exec: (nameOrId, request) => execInContainer(parts, nameOrId, request),
    top: (nameOrId, psArgs) => topContainer(parts, nameOrId, psArgs),
    changes: (nameOrId) =>
      Array.fromAsync(store.snapshots.changes(snapshotKey(getContainer(store, nameOrId).id))),
    commit: (nameOrId, request) => commitContainer(parts, nameOrId, request),
    export: async (nameOrId, sink, options) => {
      await exportContainer(parts, nameOrId, sink, options)
      recordEvent(parts, getContainer(store, nameOrId), 'export')
    },
    statPath: (nameOrId, path) => statPath(parts, nameOrId, path),
    readArchive: async (nameOrId, path) => {
      const archive = await readArchive(parts, nameOrId, path)
      recordEvent(parts, getContainer(store, nameOrId), 'archive-path', { path })
      return archive
    },
    writeArchive: async (nameOrId, path, tar, options) => {
      await writeArchive(parts, nameOrId, path, tar, options)
      recordEvent(parts, getContainer(store, nameOrId), 'extract-to-dir', { path })
    },
  }
  return {
    containers,
    volumes: createVolumes(store),
    networks: createNetworks(parts),
    usersOf: (id) => usersOfImage(parts, id),
    settle: (nameOrId) => settleContainer(parts, nameOrId),
    [Symbol.dispose]: () => logKeeping[Symbol.dispose](),
  }
}

async function inspectContainer(
  parts: ContainerParts,
  nameOrId: string,
  size: boolean,
): Promise<ContainerDetails> {
  const { id } = getContainer(parts.store, nameOrId)
  await settleIdle(parts, id)
  return containerDetails(parts, getContainer(parts.store, id), size)
}

async function containerUsage(parts: ContainerParts, nameOrId: string): Promise<ResourceUsage | undefined> {
  const { id } = getContainer(parts.store, nameOrId)
  try {
    return await parts.runtime.usage(handleOf(parts, id))
  } catch (error) {
    if (!isMilleError(error, 'CONTAINER_NOT_RUNNING')) throw error
    return undefined
  }
}

/** Every container that does not run. */
async function pruneContainers(
  parts: ContainerParts,
  options: { readonly until?: number; readonly label?: readonly string[] } = {},
): Promise<{ removed: string[]; reclaimed: number }> {
  const stopped = await listContainers(parts, {
    all: true,
    size: true,
    filters: { status: ['created', 'exited', 'removing'] },
  })
  const removed: string[] = []
  let reclaimed = 0
  for (const container of stopped) {
    if (options.until !== undefined && container.createdAt > options.until) continue
    if (!(options.label ?? []).every((label) => hasLabel(container.config.Labels ?? {}, label))) continue
    try {
      await removeContainer(parts, container.id, { onlyIdle: true })
    } catch (error) {
      // removed or started by somebody else meanwhile
      if (isMilleError(error, 'NO_SUCH_CONTAINER', 'CONTAINER_RUNNING')) continue
      throw error
    }
    removed.push(container.id)
    reclaimed += container.sizeRw ?? 0
  }
  parts.store.events.append({
    type: 'container',
    action: 'prune',
    id: '',
    attributes: { reclaimed: String(reclaimed) },
  })
  return { removed, reclaimed }
}

async function usersOfImage(parts: ContainerParts, id: Digest): Promise<ImageUse[]> {
  await removeForsakenContainers(parts)
  const rows = parts.store.records<ContainerData>('container').list()
  const isUser = ({ imageId, mounts }: ContainerData): boolean =>
    imageId === id || mounts.some(({ image }) => image?.id === id)
  const users = rows.filter((row) => isUser(row.data))
  return Promise.all(
    users.map(async (row) => {
      const { status } = (await containerDetails(parts, row)).state
      const running = status === 'running' || status === 'paused' || status === 'restarting'
      return { containerId: row.id, name: row.name, running, reference: row.data.imageName }
    }),
  )
}
