import type { ProcessMount, ProcessNetwork, ProcessSpec, ResourceLimits } from '../../runtime/runtime.ts'
import type { ContainerRequest } from '../containers.ts'
import type { LentMount } from '../volume/lend-mounts.ts'
import type { CdiEdits } from './cdi.ts'
import type { IpcPlace } from './ipc-mode.ts'
import { commandLine } from './merge-config.ts'
import { processOptions } from './process-options.ts'
import type { ContainerData } from '../record.ts'
import { securityOptions } from './security-options.ts'

export interface ProcessPlace {
  readonly rootfs: string
  readonly network: ProcessNetwork
  /** Absent: its own. */
  readonly pidNamespace: NonNullable<ProcessSpec['namespaces']>['pid']
  readonly ipc: IpcPlace
  readonly cdi: CdiEdits
  /** hosts, hostname, resolv.conf as files of the container's folder. */
  readonly etcMounts: readonly ProcessMount[]
  /** The container's, each with a source that can be bound. */
  readonly mounts: readonly LentMount[]
}

/** The process of a container, for the runtime. */
export function processSpec(data: ContainerData, place: ProcessPlace): ProcessSpec {
  const { request, config } = data
  const limits = resourceLimits(request)
  const { namespaces, ...options } = processOptions(request)
  return {
    rootfs: place.rootfs,
    readonlyRootfs: request.readonlyRootfs,
    args: commandLine(config),
    env: [`HOSTNAME=${data.hostname}`, ...(config.Env ?? []), ...place.cdi.env],
    cwd: config.WorkingDir || '/',
    user: config.User ?? '',
    tty: request.tty,
    hostname: data.hostname,
    network: place.network,
    mounts: [
      ...place.cdi.mounts,
      ...place.ipc.mounts,
      ...place.etcMounts,
      ...place.mounts.map((mount) => processMount(mount, request)),
    ],
    init: request.init,
    privileged: request.privileged,
    capAdd: request.capAdd,
    capDrop: request.capDrop,
    ...securityOptions(request.securityOptions),
    ...options,
    ...withCdi(options, place.cdi),
    namespaces: {
      ...namespaces,
      pid: place.pidNamespace,
      ...(place.ipc.namespace && { ipc: place.ipc.namespace }),
    },
    ulimits: request.ulimits.map(({ name, soft, hard }) => ({
      name,
      soft: soft < 0 ? Infinity : soft,
      hard: hard < 0 ? Infinity : hard,
    })),
    ...(request.shmSize !== undefined && { shmSize: request.shmSize }),
    ...(Object.keys(limits).length > 0 && { limits }),
  }
}

/** Devices that were described, besides those of the request. */
function withCdi(
  { devices = [], groupAdd = [] }: Pick<ProcessSpec, 'devices' | 'groupAdd'>,
  { devices: described, groups, hooks }: CdiEdits,
): Pick<ProcessSpec, 'devices' | 'groupAdd' | 'hooks'> {
  return {
    ...(described.length > 0 && { devices: [...devices, ...described] }),
    ...(groups.length > 0 && { groupAdd: [...groupAdd, ...groups] }),
    ...(Object.keys(hooks).length > 0 && { hooks }),
  }
}

function processMount(mount: LentMount, request: ContainerRequest): ProcessMount {
  const { type, source, target, readonly } = mount
  if (type !== 'tmpfs')
    return {
      type: 'bind',
      source,
      target,
      readonly,
      ...(mount.nonRecursive && { nonRecursive: true }),
      options: [mount.propagation || 'rprivate', ...(mount.options ?? []).filter((word) => word !== 'ro')],
    }
  const wanted = request.mounts.find((one) => one.type === 'tmpfs' && one.target === target)
  const options = [
    ...(wanted?.size === undefined ? [] : [`size=${wanted.size}`]),
    `mode=${(wanted?.mode ?? 0o1777).toString(8)}`,
    ...(wanted?.options ?? []),
  ]
  return { type: 'tmpfs', target, readonly, options }
}

/** The limits of a request in the kernel's units; none for what is unlimited. */
export function resourceLimits(request: ContainerRequest): ResourceLimits {
  const { memory, memorySwap, memoryReservation, memorySwappiness } = request
  const { cpuShares, cpusetCpus, cpusetMems, pidsLimit } = request
  return {
    ...(memory !== undefined && memory > 0 && { memory, memorySwap: memorySwap ?? memory * 2 }),
    ...(memoryReservation !== undefined && { memoryReservation }),
    ...(memorySwappiness !== undefined && { memorySwappiness }),
    ...cpuTime(request),
    ...(cpuShares !== undefined && { cpuShares }),
    ...(cpusetCpus !== undefined && { cpusetCpus }),
    ...(cpusetMems !== undefined && { cpusetMems }),
    ...(pidsLimit !== undefined && pidsLimit > 0 && { pids: pidsLimit }),
  }
}

const usualPeriod = 100_000

/** A quota below 0 is none. */
function cpuTime({ cpus, cpuPeriod, cpuQuota }: ContainerRequest): ResourceLimits {
  if (cpus !== undefined && cpus > 0)
    return { cpuPeriod: usualPeriod, cpuQuota: Math.round(cpus * usualPeriod) }
  return {
    ...(cpuPeriod !== undefined && cpuPeriod > 0 && { cpuPeriod }),
    ...(cpuQuota !== undefined && cpuQuota > 0 && { cpuPeriod: cpuPeriod || usualPeriod, cpuQuota }),
  }
}
