import type { Readable } from 'node:stream'
import type { HealthCheck, HealthState } from './health/health-state.ts'
import type { ResourceUsage } from './limits/resource-counters.ts'
import type { OpOptions } from '../util/progress.ts'

/** A mount inside the container. `source` is a host path for bind mounts. */
export interface ProcessMount {
  readonly type: 'bind' | 'tmpfs'
  readonly source?: string
  readonly target: string
  readonly readonly: boolean
  /** Of a bind: without what is mounted below its source. */
  readonly nonRecursive?: boolean
  /** Further options in mount(8) words: `size=64m`, `mode=1777`, `rprivate`. */
  readonly options?: readonly string[]
  /** What the process writes there is kept. A bind mount always is; where there are none, the source is replaced at the end. */
  readonly lasting?: boolean
}

/** Limits in bytes, counts, and microseconds of CPU time (`cpuQuota` of every `cpuPeriod`); absent means unlimited. */
export interface ResourceLimits {
  readonly memory?: number
  readonly memorySwap?: number
  /** What the kernel takes memory down to first when it runs short. */
  readonly memoryReservation?: number
  /** 0 to 100; not in the second version of control groups. */
  readonly memorySwappiness?: number
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly cpuShares?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pids?: number
}

/** The network a process sees. `namespace`: path of a prepared network namespace. */
export type ProcessNetwork =
  | { readonly kind: 'none' }
  | { readonly kind: 'host' }
  | { readonly kind: 'namespace'; readonly path: string }

/** One process to run in a root folder: from this the OCI bundle's config.json is derived. Nothing in it comes from image annotations. */
export interface ProcessSpec {
  /** The mounted root folder. */
  readonly rootfs: string
  readonly readonlyRootfs?: boolean
  readonly args: readonly string[]
  /** `K=V` lines, last wins. */
  readonly env: readonly string[]
  /** Absolute. */
  readonly cwd: string
  /** Docker's form: `user`, `uid`, `user:group`, `uid:gid`; names are looked up inside the root. Empty is root. */
  readonly user: string
  readonly tty?: boolean
  /** Of the terminal, at first. */
  readonly consoleSize?: { readonly width: number; readonly height: number }
  readonly hostname: string
  readonly network: ProcessNetwork
  readonly mounts: readonly ProcessMount[]
  readonly limits?: ResourceLimits
  /** A tiny init as pid 1 that reaps and forwards signals. */
  readonly init?: boolean
  readonly privileged?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
  /** System calls that it may make; absent: the default profile. A privileged process has no filter but one given here. */
  readonly seccomp?: SeccompChoice
  readonly noNewPrivileges?: boolean
  /** Leaves /proc and /sys as they are: nothing masked, nothing read-only. */
  readonly openPaths?: boolean
  readonly ulimits?: readonly Ulimit[]
  /** Absent: its own, but for the control groups of the first version. `none`: its own, without /dev/shm. */
  readonly namespaces?: {
    readonly pid?: 'host' | { readonly path: string } | undefined
    readonly ipc?: 'host' | 'none' | { readonly path: string }
    readonly uts?: 'host'
    readonly cgroup?: 'host' | 'private'
  }
  /** Settings of the kernel below /proc/sys, with dots. */
  readonly sysctls?: Readonly<Record<string, string>>
  /** Names or numbers, looked up in the root like `user`; besides the user's own groups. */
  readonly groupAdd?: readonly string[]
  readonly oomScoreAdj?: number
  readonly annotations?: Readonly<Record<string, string>>
  readonly devices?: readonly DeviceAccess[]
  /** Left out where the machine cannot enforce them: `describe()` names `blockIo`. */
  readonly deviceRates?: readonly DeviceRate[]
  /** By their name in the OCI runtime specification; what the machine's administrator wants, never an image. */
  readonly hooks?: Readonly<Record<string, readonly ProcessHook[]>>
  /** `c 10:229 rwm`: may be used, also when the process makes the node itself. */
  readonly deviceRules?: readonly string[]
  /** Bytes of /dev/shm; default 64 MiB. */
  readonly shmSize?: number
  /** Control group to put the process below, instead of mille's own. */
  readonly cgroupParent?: string
  /** The CPU time it uses is wanted; costs a few control groups. For `run`. */
  readonly measured?: boolean
  /** Given to the process, and kept in memory only until it ends; for `run`. */
  readonly secrets?: ProcessSecrets
}

/** `profile`: the text of a file in Docker's form. */
export type SeccompChoice =
  | { readonly kind: 'default' | 'unconfined' }
  | { readonly kind: 'profile'; readonly text: string }

/** How fast a block device may be read or written, in bytes or operations each second. */
export interface DeviceRate {
  readonly path: string
  readonly kind: 'readBps' | 'writeBps' | 'readIops' | 'writeIops'
  readonly rate: number
}

/** A program of the host that the runtime runs. */
export interface ProcessHook {
  readonly path: string
  readonly args?: readonly string[]
  readonly env?: readonly string[]
  /** Seconds. */
  readonly timeout?: number
}

/** A device of the host, or a folder of them; `access` of the letters r, w, m. */
export interface DeviceAccess {
  readonly source: string
  readonly target: string
  readonly access: string
}

export interface Ulimit {
  /** Lower case, without `RLIMIT_`: `nofile`. */
  readonly name: string
  /** Infinity is unlimited. */
  readonly soft: number
  readonly hard: number
}

export interface ProcessSecrets {
  /** `K=V` lines, after `env`. */
  readonly env: readonly string[]
  readonly files: readonly SecretFile[]
}

export interface SecretFile {
  readonly target: string
  readonly content: Uint8Array
  /** Permission bits. */
  readonly mode: number
  readonly uid: number
  readonly gid: number
}

export interface ProcessResult {
  /** 0-255; 128+n when killed by signal n. */
  readonly exitCode: number
  readonly oomKilled: boolean
  /** Milliseconds of CPU time, all processes together; when it was measured, and the machine counts it. */
  readonly cpu?: number
}

/**
 * `oci`: a runtime with namespaces of its own for each process. `chroot`: the last resort where the kernel refuses those, as
 * in a container without privileges: another root folder, and the rest of what surrounds mille.
 */
export interface Isolation {
  readonly kind: 'oci' | 'chroot'
  /** Why this one, when it was not simply the best. */
  readonly reason?: string
}

/** A container that conmon watches: it outlives this process. */
export interface ContainerHandle {
  readonly id: string
  /** Below the store: logs. */
  readonly folder: string
  /** For what a reboot ends anyway: bundle, sockets, exit file. Not on the store's disk: that may be full at the end. */
  readonly runFolder: string
}

export type ContainerRunState =
  | { readonly status: 'created' }
  | {
      readonly status: 'running' | 'paused'
      readonly pid: number
      readonly startedAt: number
      readonly supervised: boolean
    }
  | {
      readonly status: 'exited'
      readonly exitCode: number
      readonly finishedAt: number
      readonly oomKilled: boolean
    }

/** Terminal or pipes between this process and a container's process. */
export interface AttachedStreams extends AsyncDisposable {
  /** Bytes for the process's standard input; `end` closes it. */
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  /** With a tty everything comes as stdout. */
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }>
}

/** Folders with one folder per container each: `folder` and `runFolder` of handles lie there. */
export interface LogFolders {
  readonly logs: string
  readonly runs: string
}

export interface CreateOptions {
  readonly stdin: boolean
  /** Absolute path of the monitor's log; without it nothing is kept. */
  readonly logPath?: string
  /** Bytes of it that are kept once `keepLogs` was called: the newest. */
  readonly logLimit?: number
  /** argv run by the monitor after the container ended, daemon or not. */
  readonly exitCommand?: readonly string[]
}

export interface ExecSpec {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd?: string
  readonly user?: string
  readonly groupAdd?: readonly string[]
  readonly tty: boolean
  readonly stdin: boolean
  readonly privileged?: boolean
  /** Runs on without this process: no output and no exit code come, `wait` says 0 at once. */
  readonly detach?: boolean
}

/** runc or crun, with conmon as monitor of long-lived containers. */
export interface Runtime {
  /** What was found on this machine: name, version, path, cgroup mode, for `info`. */
  describe(): Promise<RuntimeInfo>
  /** What `run` does, found by trying at the first call. ISOLATION_UNAVAILABLE. Everything about containers needs `oci`. */
  isolation(): Isolation
  /** ISOLATION_UNAVAILABLE where no container can be run; cheap. */
  checkContainers(): void
  /** Ends the RUN steps of builders that were killed. One look into a folder when there are none. */
  endLeftovers(): Promise<void>
  /** Runs a process to its end, this process as its parent: for RUN steps. Its whole tree dies with `signal`. */
  run(
    id: string,
    spec: ProcessSpec,
    io: {
      readonly onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer) => void
      readonly stdin?: Readable
    },
    options?: OpOptions,
  ): Promise<ProcessResult>
  /** Ends and removes what `run` left when its process was killed; `run` does so itself. */
  removeLeftovers(): Promise<void>
  /** Bundle, conmon and namespaces, stopped before the first instruction. Everything made is undone on failure. */
  create(
    handle: ContainerHandle,
    spec: ProcessSpec,
    options: CreateOptions,
  ): Promise<{ readonly pid: number }>
  start(handle: ContainerHandle): Promise<void>
  /** From now on the logs of all containers in these folders are held within their limits, also without this process. */
  keepLogs(folders: LogFolders): void
  state(handle: ContainerHandle): Promise<ContainerRunState>
  attach(
    handle: ContainerHandle,
    options: { readonly stdin: boolean; readonly tty: boolean },
  ): Promise<AttachedStreams>
  /** Size of the process's terminal; nothing happens when it has none, or ended. */
  resize(handle: ContainerHandle, columns: number, rows: number): void
  /**
   * Resolves when the process ended; also when it did so before. Superseded: the container was made anew before its end
   * was seen, and nobody here knows its exit code any more.
   */
  wait(
    handle: ContainerHandle,
    options?: OpOptions,
  ): Promise<ProcessResult & { readonly finishedAt: number; readonly isSuperseded: boolean }>
  kill(handle: ContainerHandle, signal: NodeJS.Signals | number): Promise<void>
  pause(handle: ContainerHandle): Promise<void>
  resume(handle: ContainerHandle): Promise<void>
  /** Has a process of its own run the probes from now on, unless it does; it ends with the container. */
  watchHealth(handle: ContainerHandle, check: HealthCheck): void
  endHealth(handle: ContainerHandle): void
  /** Undefined when no probes were begun in this run of the container. */
  health(handle: ContainerHandle): HealthState | undefined
  /** What it has used up to now; CONTAINER_NOT_RUNNING. */
  usage(handle: ContainerHandle): Promise<ResourceUsage>
  /** Changes the given limits of a running container, -1 is none; what the machine cannot enforce is left out. */
  limit(handle: ContainerHandle, limits: ResourceLimits): Promise<void>
  /** Removes what the runtime keeps; `force` kills first. */
  delete(handle: ContainerHandle, options?: { readonly force?: boolean }): Promise<void>
  exec(handle: ContainerHandle, spec: ExecSpec, options?: OpOptions): Promise<ExecProcess>
  /** `ps`-like rows of the container's processes, host pids. */
  processes(handle: ContainerHandle): Promise<readonly number[]>
}

export interface ExecProcess extends AttachedStreams {
  readonly pid: number
  wait(): Promise<ProcessResult>
}

export interface RuntimeInfo {
  readonly name: string
  readonly version: string
  readonly path: string
  readonly monitor: string
  readonly cgroups: 'v1' | 'v2' | 'hybrid' | 'none'
  /** Limits that this machine's cgroups cannot enforce. */
  readonly unsupportedLimits: readonly string[]
  /** What an administrator should know, such as a version with known holes. */
  readonly warnings: readonly string[]
}

export interface PortBinding {
  /** Empty is every address. */
  readonly hostIp: string
  readonly hostPort: number
  /** Of a range that begins with `hostPort`: the first that is free is taken. Absent in what is published. */
  readonly lastHostPort?: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp'
}

export interface Endpoint {
  /** Path of the network namespace. */
  readonly namespace: string
  /** Inside of it. */
  readonly interface: string
  readonly ip: string
  readonly prefixLength: number
  /** Empty on an internal network. */
  readonly gateway: string
  /** Where the network has it. */
  readonly ipv6?: { readonly ip: string; readonly prefixLength: number; readonly gateway: string }
  readonly mac: string
  readonly ports: readonly PortBinding[]
}

export interface ConnectRequest {
  /** Absent: the first free address. */
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
  /** Host port 0: a free one, told in the endpoint. */
  readonly ports: readonly PortBinding[]
  /** Path of the namespace to plug into; made when it is none yet. Absent: one of the network's own. */
  readonly namespace?: string
  /** Default `eth0`. */
  readonly interface?: string
  /** The default route leads over this network; default true. */
  readonly route?: boolean
  /** By which the network's other members find it. */
  readonly names?: readonly string[]
}

export interface DisconnectOptions {
  /** The process in the namespace goes on without this network. */
  readonly keepNamespace?: boolean
}

/** A bridge: veth pairs, addresses, NAT and published ports. */
export interface BridgeNetwork {
  /** Makes the namespace, connects it, publishes ports. PORT_IN_USE names port and owner. Undone whole on failure. */
  connect(id: string, request: ConnectRequest): Promise<Endpoint>
  disconnect(id: string, options?: DisconnectOptions): Promise<void>
  /** The default route of the namespace leads over this network from now on. */
  takeRoute(id: string): Promise<void>
  /**
   * From now on `ports` are published for `to` and those of `from` are not: one step, a client finds always one of them.
   * Connections that are there stay. Can be said again after a kill. PORT_IN_USE, PORTS_FIXED.
   */
  movePorts(from: string, to: string, ports: readonly PortBinding[]): Promise<readonly PortBinding[]>
  /** One namespace for all RUN steps of a build; ends with it, or with this process. */
  openBuildNetwork(): Promise<{ readonly namespace: string } & AsyncDisposable>
  /** Host address of the bridge and its subnet. */
  readonly subnet: { readonly gateway: string; readonly prefix: string; readonly prefixLength: number }
  /** `nftables`, or `relay` when there is no nft: then published ports live as long as the relay process. */
  readonly portMethod: 'nftables' | 'relay'
}

/** The bridge of a user's network: it goes when its network does. */
export interface UserBridge extends BridgeNetwork {
  /** As `fd00:1::/64`; where the network has it. */
  readonly ipv6?: { readonly subnet: string; readonly gateway: string }
  /** The names by which the members find this one from now on; nothing happens when it is not connected. */
  rename(id: string, names: readonly string[]): Promise<void>
  /** Takes interface, rules and records away; nobody may be connected. */
  remove(): Promise<void>
}
