import type { DiffId } from '../oci/digest.ts'
import type { HealthState } from '../runtime/health/health-state.ts'
import type { ContainerRunState, Endpoint } from '../runtime/runtime.ts'
import type { ContainerDetails, ContainerNetwork, ContainerState } from './containers.ts'
import { memberOf } from '../store/find-member.ts'
import type { ImageRecord } from '../store/store.ts'
import { isMilleError } from '../util/errors.ts'
import { etcPaths } from './create/etc-files.ts'
import { handleOf, logPathOf } from './handle.ts'
import { hasHealthcheck } from './life/health.ts'
import { networkId } from './network/network-record.ts'
import type { ContainerParts } from './parts.ts'
import { snapshotKey, type ContainerData, type ContainerRow } from './record.ts'

/** A container as it is at this moment: the record, and for a started one what the runtime says. */
export async function containerDetails(
  parts: ContainerParts,
  row: ContainerRow,
  size = false,
): Promise<ContainerDetails> {
  const { store } = parts
  const { data } = row
  const live = data.phase === 'started' ? await parts.runtime.state(handleOf(parts, row.id)) : undefined
  const health = hasHealthcheck(data) ? healthState(parts, row, live) : undefined
  const state = { ...containerState(data, live), ...(health && { health }) }
  const isLive = state.status === 'running' || state.status === 'paused'
  const endpoints = isLive ? (data.endpoints ?? {}) : {}
  const [path = '', ...args] = data.args
  return {
    id: row.id,
    name: row.name,
    createdAt: data.createdAt,
    imageId: data.imageId,
    imageName: data.imageName,
    path,
    args,
    state,
    config: {
      ...data.config,
      Hostname: data.hostname,
      Tty: data.request.tty,
      OpenStdin: data.request.openStdin,
    },
    request: data.request,
    mounts: data.mounts,
    networks: containerNetworks(parts, data, endpoints),
    ports: Object.values(endpoints).flatMap(({ ports }) => ports),
    exposedPorts: Object.keys(data.config.ExposedPorts ?? {}),
    logPath: data.request.logDriver === 'none' ? '' : logPathOf(store, row.id),
    ...(data.startedAt > 0 && { etcFiles: etcPaths(handleOf(parts, data.joined ?? row.id).folder) }),
    restartCount: data.restartCount ?? 0,
    ...(size && (await sizes(parts, row))),
  }
}

const unsupervised =
  'its monitor (conmon) was killed: its output since then is lost, and its exit code will be 255 whatever it is'

/** Undefined before the first start. */
function healthState(
  parts: ContainerParts,
  { id, data }: ContainerRow,
  live: ContainerRunState | undefined,
): HealthState | undefined {
  if (live?.status !== 'running' && live?.status !== 'paused') return data.health
  return (
    parts.runtime.health(handleOf(parts, id)) ?? { status: 'starting', failingStreak: 0, pid: 0, log: [] }
  )
}

function containerNetworks(
  { store }: ContainerParts,
  { networks }: ContainerData,
  endpoints: Readonly<Record<string, Endpoint>>,
): Record<string, ContainerNetwork> {
  return Object.fromEntries(
    Object.entries(networks).map(([name, request]) => {
      const { [name]: endpoint } = endpoints
      return [name, { ...request, id: networkId(store, name), ...(endpoint && { endpoint }) }]
    }),
  )
}

function containerState(data: ContainerData, live: ContainerRunState | undefined): ContainerState {
  const base = {
    pid: 0,
    exitCode: data.exit?.code ?? 0,
    oomKilled: data.exit?.oomKilled ?? false,
    error: data.error,
  }
  const times = { startedAt: data.startedAt, finishedAt: data.exit?.finishedAt ?? 0 }
  if (live?.status === 'running' || live?.status === 'paused') {
    const running = { ...base, ...times, status: live.status, pid: live.pid }
    return live.supervised ? running : { ...running, unsupervised: true, error: unsupervised }
  }
  if (live?.status === 'exited') {
    const { exitCode, oomKilled, finishedAt } = live
    return { ...base, ...times, status: 'exited', exitCode, oomKilled, finishedAt }
  }
  if (live) return { ...base, ...times, status: 'exited', exitCode: 255 }
  if (data.restart !== undefined) return { ...base, ...times, status: 'restarting' }
  if (data.phase === 'removing' || data.phase === 'exited') return { ...base, ...times, status: data.phase }
  // with the exit code 126, 127 or 128 when its first start failed
  return { ...base, ...times, status: 'created' }
}

async function sizes(
  { store }: ContainerParts,
  { id, data }: ContainerRow,
): Promise<{ sizeRw: number; sizeRootFs: number }> {
  const { bytes } = await store.snapshots.usage(snapshotKey(id)).catch(nothingLeft)
  const image = imageOf(store, data)
  return { sizeRw: bytes, sizeRootFs: bytes + (image?.size ?? 0) }
}

/** A removal is under way or was interrupted, or a power cut took the snapshot: the container is listed all the same. */
function nothingLeft(error: unknown): { readonly bytes: number } {
  if (isMilleError(error, 'SNAPSHOT_NOT_FOUND', 'PATH_NOT_FOUND')) return { bytes: 0 }
  throw error
}

/** What the container was made from; of an index the image of its platform. */
function imageOf(
  { images }: ContainerParts['store'],
  { imageId, request }: ContainerRow['data'],
): ImageRecord | undefined {
  const record = images.get(imageId)
  return record && memberOf(images, record, request.platform)
}

/** Does the container's stack of layers begin with `base`? For the `ancestor` filter. */
export function isBuiltOn({ store }: ContainerParts, row: ContainerRow, base: readonly DiffId[]): boolean {
  const own = imageOf(store, row.data)?.config.rootfs.diff_ids ?? []
  return base.length > 0 && base.every((diffId, index) => own[index] === diffId)
}
