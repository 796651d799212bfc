import type {
  ContainerDetails,
  ContainerMount,
  ContainerNetwork,
  ContainerState,
  MountRequest,
  PortRequest,
} from '../../containers/containers.ts'
import type {
  ContainerInspect,
  EndpointWire,
  HealthWire,
  HostConfigWire,
  MountPointWire,
  NetworkSettingsWire,
  PortBindingWire,
} from '../types/container-inspect.ts'
import type { ContainerConfig } from '../../oci/config.ts'
import { given } from './given.ts'
import { defaultShmSize } from '../../runtime/spec.ts'
import { toContainerConfig } from './image-inspect.ts'
import { wireTime } from './wire-time.ts'

type ProcessConfigWire = Pick<
  HostConfigWire,
  | 'Annotations'
  | 'CgroupnsMode'
  | 'DeviceCgroupRules'
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
    ExecIDs: nullIfEmpty(execIds),
    HostConfig: toHostConfig(container),
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

function toHostConfig({ request }: ContainerDetails): HostConfigWire {
  const binds = request.mounts.filter(isBind).map(toBind)
  const mounts = request.mounts.filter((mount) => !isBind(mount)).map(toMount)
  return {
    Binds: binds.length === 0 ? null : binds,
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
    ...absent,
  }
}

/** What containers here cannot have, as Docker says that nobody asked for it. */
const absent = {
  BlkioWeight: 0,
  Cgroup: '',
  CgroupParent: '',
  ConsoleSize: [0, 0],
  ContainerIDFile: '',
  CpuRealtimePeriod: 0,
  CpuRealtimeRuntime: 0,
  DeviceRequests: null,
  Isolation: '',
  Links: null,
  Runtime: '',
  VolumeDriver: '',
} as const

function toProcessConfig(request: ContainerDetails['request']): ProcessConfigWire {
  const { annotations, sysctls, devices = [] } = request
  return {
    ...(annotations === undefined ? {} : { Annotations: annotations }),
    CgroupnsMode: request.cgroupns ?? '',
    DeviceCgroupRules: request.deviceRules ?? null,
    Devices: devices.map(({ source, target, access }) => ({
      PathOnHost: source,
      PathInContainer: target,
      CgroupPermissions: access,
    })),
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

/** What `-v` made, and so is shown as a bind string. */
function isBind(mount: MountRequest): boolean {
  return mount.type !== 'tmpfs' && mount.createSource === true && mount.source !== undefined
}

function toBind(mount: MountRequest): string {
  const modes = [
    ...(mount.readonly ? ['ro'] : []),
    ...(mount.noCopy ? ['nocopy'] : []),
    ...(mount.propagation === undefined ? [] : [mount.propagation]),
  ]
  return [mount.source, mount.target, ...(modes.length === 0 ? [] : [modes.join(',')])].join(':')
}

function toMount(mount: MountRequest): Readonly<Record<string, unknown>> {
  const options = {
    BindOptions: filled({
      Propagation: mount.type === 'bind' ? mount.propagation : undefined,
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
    list.push({ HostIp: port.hostIp, HostPort: port.hostPort === 0 ? '' : String(port.hostPort) })
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

function toNetworkSettings(container: ContainerDetails): NetworkSettingsWire {
  const ports: Record<string, PortBindingWire[] | null> = {}
  for (const exposed of container.exposedPorts) ports[exposed] = null
  for (const { hostIp, hostPort, containerPort, protocol } of container.ports) {
    const list = (ports[`${containerPort}/${protocol}`] ??= [])
    list.push({ HostIp: hostIp === '' ? '0.0.0.0' : hostIp, HostPort: String(hostPort) })
  }
  const Networks = toNetworks(container)
  // the old fields tell of the default bridge only
  const { Gateway, IPAddress, IPPrefixLen, MacAddress } = Networks['bridge'] ?? noAddress
  return { Ports: ports, Gateway, IPAddress, IPPrefixLen, MacAddress, Networks }
}

/** The networks that a container is connected to, or will be when it runs. */
export function toNetworks(container: ContainerDetails): Readonly<Record<string, EndpointWire>> {
  const networks = Object.entries(container.networks)
  return Object.fromEntries(networks.map(([name, one]) => [name, toEndpoint(container, name, one)]))
}

const noAddress = { Gateway: '', IPAddress: '', IPPrefixLen: 0, MacAddress: '' } as const

function toEndpoint(
  { id, name }: ContainerDetails,
  network: string,
  { id: NetworkID, endpoint, aliases = [], ip, ip6 }: ContainerNetwork,
): EndpointWire {
  const isNamed = !['bridge', 'host', 'none'].includes(network)
  return {
    IPAMConfig: ip === undefined && ip6 === undefined ? null : given({ IPv4Address: ip, IPv6Address: ip6 }),
    Links: null,
    Aliases: nullIfEmpty(aliases),
    MacAddress: endpoint?.mac ?? '',
    DriverOpts: null,
    GwPriority: 0,
    NetworkID,
    EndpointID: '',
    Gateway: endpoint?.gateway ?? '',
    IPAddress: endpoint?.ip ?? '',
    IPPrefixLen: endpoint?.prefixLength ?? 0,
    IPv6Gateway: endpoint?.ipv6?.gateway ?? '',
    GlobalIPv6Address: endpoint?.ipv6?.ip ?? '',
    GlobalIPv6PrefixLen: endpoint?.ipv6?.prefixLength ?? 0,
    DNSNames: isNamed ? [...new Set([name, ...aliases, id.slice(0, 12)])] : null,
  }
}

function nullIfEmpty(values: readonly string[]): readonly string[] | null {
  return values.length === 0 ? null : values
}
