import type {
  ContainerDetails,
  ContainerMount,
  ContainerState,
  MountRequest,
  PortRequest,
} from '../../containers/containers.ts'
import type {
  ContainerInspect,
  DeviceRateWire,
  HealthWire,
  HostConfigWire,
  MountPointWire,
  PortBindingWire,
} from '../types/container-inspect.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { defaultShmSize, maskedPaths, readonlyPaths } from '../../runtime/spec.ts'
import type { ContainerConfigWire } from '../types/image-inspect.ts'
import { toContainerConfig } from './image-inspect.ts'
import { toNetworkSettings } from './network-settings.ts'
import { nullIfEmpty } from './null-if-empty.ts'
import { wireTime } from './wire-time.ts'

type ProcessConfigWire = Pick<
  HostConfigWire,
  | 'Annotations'
  | 'CgroupnsMode'
  | 'DeviceCgroupRules'
  | 'DeviceRequests'
  | 'Devices'
  | 'GroupAdd'
  | 'IpcMode'
  | 'OomKillDisable'
  | 'OomScoreAdj'
  | 'PidMode'
  | 'Sysctls'
  | 'UTSMode'
  | 'UsernsMode'
>

/** A container in Docker's wire shape; `execIds` of commands that run in it. */
export function toContainerInspect(
  container: ContainerDetails,
  execIds: readonly string[] = [],
): ContainerInspect {
  const { state, config, request } = container
  const { attached = ['stdout', 'stderr'], stdinOnce = request.openStdin } = request
  return {
    Id: container.id,
    Created: wireTime(container.createdAt),
    Path: container.path,
    Args: container.args,
    State: {
      Status: state.status,
      Running: ['running', 'paused', 'restarting'].includes(state.status),
      Paused: state.status === 'paused',
      Restarting: state.status === 'restarting',
      OOMKilled: state.oomKilled,
      Dead: state.status === 'dead',
      Pid: state.pid,
      ExitCode: state.exitCode,
      Error: state.error,
      StartedAt: wireTime(state.startedAt),
      FinishedAt: wireTime(state.finishedAt),
      ...(state.health && { Health: toHealth(state.health) }),
    },
    Image: container.imageId,
    ResolvConfPath: container.etcFiles?.resolvConf ?? '',
    HostnamePath: container.etcFiles?.hostname ?? '',
    HostsPath: container.etcFiles?.hosts ?? '',
    LogPath: container.logPath,
    Name: `/${container.name}`,
    RestartCount: container.restartCount,
    Driver: 'overlayfs',
    Platform: 'linux',
    MountLabel: '',
    ProcessLabel: '',
    AppArmorProfile: '',
    ExecIDs: nullIfEmpty(execIds),
    HostConfig: toHostConfig(container),
    GraphDriver: { Data: null, Name: 'overlayfs' },
    ...(container.sizeRw === undefined ? {} : { SizeRw: container.sizeRw }),
    ...(container.sizeRootFs === undefined ? {} : { SizeRootFs: container.sizeRootFs }),
    Mounts: container.mounts.map(toMountPoint),
    Config: {
      Hostname: config.Hostname,
      Domainname: request.domainname ?? '',
      AttachStdin: attached.includes('stdin'),
      AttachStdout: attached.includes('stdout'),
      AttachStderr: attached.includes('stderr'),
      Tty: config.Tty,
      OpenStdin: config.OpenStdin,
      StdinOnce: stdinOnce,
      ...toContainerConfig(withoutEmpty(config)),
      Volumes: toVolumes(container),
      Image: container.imageName,
    },
    NetworkSettings: toNetworkSettings(container),
  }
}

/** What a container does not have is missing or null, where an image may say that it is empty. */
function withoutEmpty(config: ContainerConfig): ContainerConfig {
  const { Entrypoint = [], ExposedPorts = {}, ...rest } = config
  return {
    ...rest,
    ...(Entrypoint.length > 0 && { Entrypoint }),
    ...(Object.keys(ExposedPorts).length > 0 && { ExposedPorts }),
  }
}

/** Places where a volume is made for the container alone: those of the image and those of `-v /place`. */
function toVolumes({ config, request }: ContainerDetails): ContainerConfigWire['Volumes'] {
  const own = request.mounts.filter(isAnonymous).map(({ target }) => [target, {}] as const)
  if (config.Volumes === undefined && own.length === 0) return null
  return { ...config.Volumes, ...Object.fromEntries(own) }
}

function toHostConfig({ request }: ContainerDetails): HostConfigWire {
  const short = request.mounts.filter((mount) => mount.short !== undefined && !isAnonymous(mount))
  const binds = short.filter(({ type }) => type !== 'tmpfs').map(toBind)
  const tmpfs = short.filter(({ type }) => type === 'tmpfs').map(({ target, short }) => [target, short ?? ''])
  const mounts = request.mounts.filter(({ short }) => short === undefined).map(toMount)
  return {
    Binds: nullIfEmpty(binds),
    ...(tmpfs.length === 0 ? {} : { Tmpfs: Object.fromEntries(tmpfs) }),
    ...(mounts.length === 0 ? {} : { Mounts: mounts }),
    LogConfig: { Type: request.logDriver, Config: request.logOptions },
    NetworkMode: request.network,
    PortBindings: requestedPorts(request.ports),
    RestartPolicy: {
      Name: request.restartPolicy?.name ?? 'no',
      MaximumRetryCount: request.restartPolicy?.maximumRetryCount ?? 0,
    },
    AutoRemove: request.autoRemove,
    VolumesFrom: request.volumesFrom ?? null,
    CapAdd: nullIfEmpty(request.capAdd),
    CapDrop: nullIfEmpty(request.capDrop),
    Dns: request.dns,
    DnsOptions: request.dnsOptions ?? [],
    DnsSearch: request.dnsSearch ?? [],
    ExtraHosts: nullIfEmpty(request.extraHosts),
    Privileged: request.privileged,
    SecurityOpt: nullIfEmpty(request.securityOptions),
    PublishAllPorts: request.publishAll,
    ReadonlyRootfs: request.readonlyRootfs,
    ...(request.init ? { Init: true } : {}),
    CpuShares: request.cpuShares ?? 0,
    Memory: request.memory ?? 0,
    MemoryReservation: request.memoryReservation ?? 0,
    MemorySwap: request.memorySwap ?? 0,
    MemorySwappiness: request.memorySwappiness ?? null,
    NanoCpus: Math.round((request.cpus ?? 0) * 1e9),
    CpuPeriod: request.cpuPeriod ?? 0,
    CpuQuota: request.cpuQuota ?? 0,
    CpusetCpus: request.cpusetCpus ?? '',
    CpusetMems: request.cpusetMems ?? '',
    PidsLimit: request.pidsLimit ?? null,
    Ulimits: request.ulimits.map(({ name, soft, hard }) => ({ Name: name, Hard: hard, Soft: soft })),
    ShmSize: request.shmSize ?? defaultShmSize,
    ...toProcessConfig(request),
    ...coveredPaths(request),
    ...toRates(request.deviceRates),
    ...absent,
  }
}

function toRates(
  rates: ContainerDetails['request']['deviceRates'] = [],
): Pick<HostConfigWire, `BlkioDevice${'Read' | 'Write'}${'Bps' | 'IOps'}`> {
  const of = (wanted: (typeof rates)[number]['kind']): readonly DeviceRateWire[] | null => {
    const found = rates.filter(({ kind }) => kind === wanted)
    return found.length === 0 ? null : found.map(({ path, rate }) => ({ Path: path, Rate: rate }))
  }
  return {
    BlkioDeviceReadBps: of('readBps'),
    BlkioDeviceReadIOps: of('readIops'),
    BlkioDeviceWriteBps: of('writeBps'),
    BlkioDeviceWriteIOps: of('writeIops'),
  }
}

/** What containers here cannot have, as Docker says that nobody asked for it. */
const absent = {
  BlkioWeight: 0,
  BlkioWeightDevice: null,
  Cgroup: '',
  CgroupParent: '',
  ConsoleSize: [0, 0],
  ContainerIDFile: '',
  CpuCount: 0,
  CpuPercent: 0,
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  IOMaximumBandwidth: 0,
  IOMaximumIOps: 0,
  Isolation: '',
  Links: null,
  // by this name both that may be there are asked for
  Runtime: 'runc',
  VolumeDriver: '',
} as const

function toProcessConfig(request: ContainerDetails['request']): ProcessConfigWire {
  const { annotations, sysctls, devices = [], cdiDevices } = request
  return {
    ...(annotations === undefined ? {} : { Annotations: annotations }),
    CgroupnsMode: request.cgroupns ?? '',
    DeviceCgroupRules: request.deviceRules ?? null,
    Devices: devices.map(({ source, target, access }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
    DeviceRequests: cdiDevices === undefined ? null : [{ Driver: 'cdi', DeviceIDs: cdiDevices }],
    GroupAdd: request.groupAdd ?? null,
    IpcMode: request.ipc ?? 'private',
    OomKillDisable: request.oomKillDisable === true,
    OomScoreAdj: request.oomScoreAdj ?? 0,
    PidMode: request.pid ?? '',
    ...(sysctls === undefined ? {} : { Sysctls: sysctls }),
    UTSMode: request.uts ?? '',
    UsernsMode: request.userns ?? '',
  }
}

/** Of /proc and /sys: what nobody in the container sees, and what nobody there writes. */
function coveredPaths({
  privileged,
  securityOptions,
}: ContainerDetails['request']): Pick<HostConfigWire, 'MaskedPaths' | 'ReadonlyPaths'> {
  if (securityOptions.includes('systempaths=unconfined')) return { MaskedPaths: [], ReadonlyPaths: [] }
  return privileged
    ? { MaskedPaths: null, ReadonlyPaths: null }
    : { MaskedPaths: maskedPaths, ReadonlyPaths: readonlyPaths }
}

function toHealth({ status, failingStreak, pid, log }: NonNullable<ContainerState['health']>): HealthWire {
  return {
    Status: status,
    FailingStreak: failingStreak,
    Pid: pid,
    Log: log.map(({ start, end, exitCode, output }) => ({
      Start: wireTime(start),
      End: wireTime(end),
      ExitCode: exitCode,
      Output: output,
    })),
  }
}

/** `-v /place`. */
function isAnonymous({ type, source, short }: MountRequest): boolean {
  return type === 'volume' && source === undefined && short !== undefined
}

function toBind({ source, target, short }: MountRequest): string {
  return [source, target, short].filter(Boolean).join(':')
}

function toMount(mount: MountRequest): Readonly<Record<string, unknown>> {
  const options = {
    BindOptions: filled({
      Propagation: mount.type === 'bind' ? mount.propagation : undefined,
      NonRecursive: mount.nonRecursive,
      CreateMountpoint: mount.createSource,
    }),
    VolumeOptions: filled({
      NoCopy: mount.noCopy,
      Subpath: mount.type === 'volume' ? mount.subpath : undefined,
      Labels: mount.volumeLabels,
      DriverConfig: mount.volumeOptions && { Name: 'local', Options: mount.volumeOptions },
    }),
    ImageOptions: filled({ Subpath: mount.type === 'image' ? mount.subpath : undefined }),
    TmpfsOptions: filled({ SizeBytes: mount.size, Mode: mount.mode }),
  }
  return {
    Type: mount.type,
    ...(mount.source === undefined ? {} : { Source: mount.source }),
    Target: mount.target,
    ...(mount.readonly ? { ReadOnly: true } : {}),
    ...filled(options),
  }
}

/** The fields that have a value; undefined when none has. */
function filled(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> | undefined {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined && value !== false)
  return given.length === 0 ? undefined : Object.fromEntries(given)
}

function requestedPorts(ports: readonly PortRequest[]): Record<string, PortBindingWire[]> {
  const bindings: Record<string, PortBindingWire[]> = {}
  for (const port of ports) {
    const key = `${port.containerPort}/${port.protocol}`
    const list = (bindings[key] ??= [])
    const range = port.lastHostPort === undefined ? '' : `-${port.lastHostPort}`
    list.push({ HostIp: port.hostIp, HostPort: port.hostPort === 0 ? '' : `${port.hostPort}${range}` })
  }
  return bindings
}

/** A mount as inspect and lists show it. */
export function toMountPoint(mount: ContainerMount): MountPointWire {
  return {
    Type: mount.type,
    ...(mount.name === undefined ? {} : { Name: mount.name }),
    Source: mount.source,
    Destination: mount.target,
    ...(mount.type === 'volume' ? { Driver: 'local' } : {}),
    Mode: mount.readonly ? 'ro' : '',
    RW: !mount.readonly,
    Propagation: mount.propagation,
  }
}
