import type { ContainerConfigWire } from './image-inspect.ts'

/** Wire shape of one container: `GET /containers/{id}/json` and `inspect`. */
export interface ContainerInspect {
  readonly Id: string
  readonly Created: string
  readonly Path: string
  readonly Args: readonly string[]
  readonly State: ContainerStateWire
  readonly Image: string
  /** Files of the host; empty before the first start. */
  readonly ResolvConfPath: string
  readonly HostnamePath: string
  readonly HostsPath: string
  readonly LogPath: string
  /** With a slash before it. */
  readonly Name: string
  readonly RestartCount: number
  readonly Driver: string
  readonly Platform: string
  /** Of AppArmor and SELinux, which set none here. */
  readonly MountLabel: ''
  readonly ProcessLabel: ''
  readonly AppArmorProfile: ''
  /** Of commands that run in it, as long as the server that started them. */
  readonly ExecIDs: readonly string[] | null
  readonly HostConfig: HostConfigWire
  readonly GraphDriver: { readonly Data: null; readonly Name: string }
  readonly SizeRw?: number
  readonly SizeRootFs?: number
  readonly Mounts: readonly MountPointWire[]
  readonly Config: ContainerConfigWire & {
    readonly Hostname: string
    readonly Domainname: string
    readonly AttachStdin: boolean
    readonly AttachStdout: boolean
    readonly AttachStderr: boolean
    readonly Tty: boolean
    readonly OpenStdin: boolean
    readonly StdinOnce: boolean
    readonly Image: string
  }
  readonly NetworkSettings: NetworkSettingsWire
}

export interface ContainerStateWire {
  readonly Status: string
  readonly Running: boolean
  readonly Paused: boolean
  readonly Restarting: boolean
  readonly OOMKilled: boolean
  readonly Dead: boolean
  readonly Pid: number
  readonly ExitCode: number
  readonly Error: string
  readonly StartedAt: string
  readonly FinishedAt: string
  readonly Health?: HealthWire
}

export interface HealthWire {
  readonly Status: string
  readonly FailingStreak: number
  /** mille's own: the process that runs the probes, 0 when there is none. */
  readonly Pid: number
  readonly Log: readonly {
    readonly Start: string
    readonly End: string
    readonly ExitCode: number
    readonly Output: string
  }[]
}

export interface PortBindingWire {
  readonly HostIp: string
  readonly HostPort: string
}

/** The part of Docker's HostConfig that mille has. */
export interface HostConfigWire {
  readonly Binds: readonly string[] | null
  readonly Mounts?: readonly Readonly<Record<string, unknown>>[]
  /** Options of each tmpfs by its place, as they were given. */
  readonly Tmpfs?: Readonly<Record<string, string>>
  readonly LogConfig: { readonly Type: string; readonly Config: Readonly<Record<string, string>> }
  readonly NetworkMode: string
  readonly PortBindings: Readonly<Record<string, readonly PortBindingWire[]>>
  readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number }
  readonly AutoRemove: boolean
  readonly VolumesFrom: readonly string[] | null
  readonly CapAdd: readonly string[] | null
  readonly CapDrop: readonly string[] | null
  readonly Dns: readonly string[]
  readonly DnsOptions: readonly string[]
  readonly DnsSearch: readonly string[]
  readonly ExtraHosts: readonly string[] | null
  readonly Privileged: boolean
  readonly SecurityOpt: readonly string[] | null
  readonly PublishAllPorts: boolean
  readonly ReadonlyRootfs: boolean
  readonly Init?: boolean
  readonly CpuShares: number
  readonly Memory: number
  readonly MemorySwap: number
  readonly NanoCpus: number
  readonly CpusetCpus: string
  readonly PidsLimit: number | null
  readonly Ulimits: readonly { readonly Name: string; readonly Hard: number; readonly Soft: number }[]
  readonly ShmSize: number
  readonly Annotations?: Readonly<Record<string, string>>
  readonly CgroupnsMode: string
  readonly DeviceCgroupRules: readonly string[] | null
  readonly Devices: readonly DeviceWire[]
  readonly GroupAdd: readonly string[] | null
  readonly IpcMode: string
  readonly OomKillDisable: boolean
  readonly OomScoreAdj: number
  readonly PidMode: string
  readonly Sysctls?: Readonly<Record<string, string>>
  readonly UTSMode: string
  readonly UsernsMode: string
  readonly BlkioDeviceReadBps: readonly DeviceRateWire[] | null
  readonly BlkioDeviceReadIOps: readonly DeviceRateWire[] | null
  readonly BlkioDeviceWriteBps: readonly DeviceRateWire[] | null
  readonly BlkioDeviceWriteIOps: readonly DeviceRateWire[] | null
  readonly BlkioWeight: number
  readonly BlkioWeightDevice: null
  readonly Cgroup: string
  readonly CgroupParent: string
  readonly ConsoleSize: readonly [number, number]
  readonly ContainerIDFile: string
  readonly CpuCount: number
  readonly CpuPercent: number
  readonly CpuPeriod: number
  readonly CpuQuota: number
  readonly CpuRealtimePeriod: number
  readonly CpuRealtimeRuntime: number
  readonly CpusetMems: string
  readonly DeviceRequests: readonly { readonly Driver: 'cdi'; readonly DeviceIDs: readonly string[] }[] | null
  readonly IOMaximumBandwidth: number
  readonly IOMaximumIOps: number
  readonly Isolation: string
  readonly Links: null
  readonly MemoryReservation: number
  readonly MemorySwappiness: number | null
  readonly MaskedPaths: readonly string[] | null
  readonly ReadonlyPaths: readonly string[] | null
  readonly Runtime: string
  readonly VolumeDriver: string
}

export interface DeviceWire {
  readonly PathOnHost: string
  readonly PathInContainer: string
  readonly CgroupPermissions: string
}

export interface DeviceRateWire {
  readonly Path: string
  readonly Rate: number
}

export interface MountPointWire {
  readonly Type: string
  readonly Name?: string
  readonly Source: string
  readonly Destination: string
  readonly Driver?: string
  readonly Mode: string
  readonly RW: boolean
  readonly Propagation: string
}

export interface NetworkSettingsWire {
  readonly Bridge: ''
  readonly SandboxID: string
  readonly SandboxKey: string
  readonly HairpinMode: boolean
  readonly LinkLocalIPv6Address: string
  readonly LinkLocalIPv6PrefixLen: number
  readonly SecondaryIPAddresses: null
  readonly SecondaryIPv6Addresses: null
  readonly EndpointID: string
  readonly GlobalIPv6Address: string
  readonly GlobalIPv6PrefixLen: number
  readonly IPv6Gateway: string
  readonly Ports: Readonly<Record<string, readonly PortBindingWire[] | null>>
  readonly Gateway: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly MacAddress: string
  readonly Networks: Readonly<Record<string, EndpointWire>>
}

export interface EndpointWire {
  readonly IPAMConfig: { readonly IPv4Address?: string; readonly IPv6Address?: string } | null
  readonly Links: null
  readonly Aliases: readonly string[] | null
  readonly MacAddress: string
  readonly DriverOpts: null
  readonly GwPriority: number
  readonly NetworkID: string
  readonly EndpointID: string
  readonly Gateway: string
  readonly IPAddress: string
  readonly IPPrefixLen: number
  readonly IPv6Gateway: string
  readonly GlobalIPv6Address: string
  readonly GlobalIPv6PrefixLen: number
  /** By which the network's other members find it. */
  readonly DNSNames: readonly string[] | null
}
