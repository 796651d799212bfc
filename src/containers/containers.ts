import type { Readable, Writable } from 'node:stream'
import type { Digest } from '../oci/digest.ts'
import type { ContainerConfig, Healthcheck } from '../oci/config.ts'
import type { Platform } from '../oci/platform.ts'
import type { DeviceRate } from '../runtime/runtime.ts'
import type { HealthState } from '../runtime/health/health-state.ts'
import type { ResourceUsage } from '../runtime/limits/resource-counters.ts'
import type { OpOptions } from '../util/progress.ts'
import type { LimitRequest } from './create/limit-request.ts'
import type { EndpointRequest } from './network/networks.ts'

/** Something that is to be seen at `target` inside. */
export interface MountRequest {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Host path, volume name (absent: anonymous), or an image. */
  readonly source?: string
  readonly target: string
  readonly readonly: boolean
  /** Asked for by `-v` or `--tmpfs`, and shown so again: the options behind the place as they were written. */
  readonly short?: string
  /** `-v` makes a missing host folder, `--mount` does not (C53). */
  readonly createSource?: boolean
  readonly noCopy?: boolean
  /** Of a volume that is made for it. */
  readonly volumeOptions?: Readonly<Record<string, string>>
  readonly volumeLabels?: Readonly<Record<string, string>>
  /** A file or folder in the volume or image. */
  readonly subpath?: string
  readonly propagation?: string
  /** Of a bind: without what is mounted below its source. */
  readonly nonRecursive?: boolean
  /** Of a tmpfs: bytes and mode. */
  readonly size?: number
  readonly mode?: number
  /** Further options of a tmpfs, as mount(8) has them: `exec`, `uid=5`. */
  readonly options?: readonly string[]
}

/** A device of the host, or a folder of them; `access` of the letters r, w, m. */
export interface DeviceRequest {
  readonly source: string
  readonly target: string
  readonly access: string
}

/** A port inside that is to be reached by one of the host. */
export interface PortRequest {
  readonly hostIp: string
  /** 0: any free port. */
  readonly hostPort: number
  /** Of a range that begins with `hostPort`: the first free port of it. */
  readonly lastHostPort?: number
  readonly containerPort: number
  readonly protocol: 'tcp' | 'udp'
}

/** What `create` is given; kept as it is and shown by `inspect`. Absent fields come from the image. */
export interface ContainerRequest extends LimitRequest {
  readonly image: string
  readonly name?: string
  readonly command?: readonly string[]
  readonly entrypoint?: readonly string[]
  /** `K=V`, or `K` for the value in the caller's environment (resolved by the caller). */
  readonly env: readonly string[]
  readonly workingDir?: string
  readonly user?: string
  readonly hostname?: string
  readonly tty: boolean
  readonly openStdin: boolean
  /** What the client of the API said that it attaches; shown by inspect, and nothing else. Absent: both outputs. */
  readonly attached?: readonly ('stdin' | 'stdout' | 'stderr')[]
  /** As `attached`: the input ends with its first client. Absent: as `openStdin`. */
  readonly stdinOnce?: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly mounts: readonly MountRequest[]
  readonly volumesFrom?: readonly string[]
  /** `bridge`, `host`, `none`, `container:NAME`, or a user's network by name or ID. */
  readonly network: string
  /** By network: how to take part in `network`, and further networks. */
  readonly endpoints?: Readonly<Record<string, EndpointRequest>>
  readonly ports: readonly PortRequest[]
  readonly publishAll: boolean
  readonly extraHosts: readonly string[]
  readonly dns: readonly string[]
  readonly readonlyRootfs: boolean
  readonly init: boolean
  readonly privileged: boolean
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  /** As `--security-opt` has them, a seccomp profile by its text. */
  readonly securityOptions: readonly string[]
  readonly autoRemove: boolean
  /** Absent: `no`. */
  readonly restartPolicy?: RestartPolicy
  /** `json-file`, `local` or `none`; the first two are the same log with other defaults. */
  readonly logDriver: string
  /** `max-size`, `max-file`. */
  readonly logOptions: Readonly<Record<string, string>>
  readonly stopSignal?: string
  /** Seconds. */
  readonly stopTimeout?: number
  /** Over the image's; durations in nanoseconds, 0 and an empty test are the image's. */
  readonly healthcheck?: Healthcheck
  /** Takes the image's HEALTHCHECK away. */
  readonly noHealthcheck?: boolean
  /** -1 is unlimited. */
  readonly ulimits: readonly { readonly name: string; readonly soft: number; readonly hard: number }[]
  /** Bytes of /dev/shm. */
  readonly shmSize?: number
  readonly platform?: Platform
  /** For the runtime; nothing here comes from an image. */
  readonly annotations?: Readonly<Record<string, string>>
  /** `private`, `host`. */
  readonly cgroupns?: string
  readonly devices?: readonly DeviceRequest[]
  /** `vendor.com/class=name`, as descriptions of this machine have them (CDI). */
  readonly cdiDevices?: readonly string[]
  /** Of block devices. */
  readonly deviceRates?: readonly DeviceRate[]
  /** `c 10:229 rwm`. */
  readonly deviceRules?: readonly string[]
  readonly dnsOptions?: readonly string[]
  readonly dnsSearch?: readonly string[]
  readonly domainname?: string
  /** `80/tcp`, besides those of the image. */
  readonly expose?: readonly string[]
  /** Names or numbers, besides the user's own. */
  readonly groupAdd?: readonly string[]
  /** `private`, `shareable`, `host`, `none`. */
  readonly ipc?: string
  /** `host`, `container:NAME`. */
  readonly pid?: string
  readonly oomKillDisable?: boolean
  readonly oomScoreAdj?: number
  readonly sysctls?: Readonly<Record<string, string>>
  /** `host`. */
  readonly uts?: string
  /** `host`: the one that mille is in, as without it. */
  readonly userns?: string
}

/** After which ends a container is started again. */
export interface RestartPolicy {
  readonly name: 'no' | 'always' | 'on-failure' | 'unless-stopped'
  /** Of `on-failure`; 0 is no limit. */
  readonly maximumRetryCount: number
}

/** What `update` may change of a container that exists. */
export type ContainerUpdate = Partial<
  Omit<LimitRequest, 'memorySwappiness'> & Pick<ContainerRequest, 'restartPolicy'>
>

/** A request as it is asked for: only the image has no default. */
export type ContainerWish = Pick<ContainerRequest, 'image'> & Partial<ContainerRequest>

export interface CreateOptions {
  /** This process will start it: until then, or until this process has ended, `prune` leaves it alone. */
  readonly toStart?: boolean
}

/** `restarting`: it has ended, and its policy will start it again. */
export type ContainerStatus = 'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'removing' | 'dead'

/** What a container is doing, or how it ended. */
export interface ContainerState {
  readonly status: ContainerStatus
  /** It runs, but its monitor was killed: its output is lost, its exit code will be 255. `error` says so. */
  readonly unsupervised?: true
  readonly pid: number
  readonly exitCode: number
  readonly oomKilled: boolean
  readonly error: string
  /** Milliseconds, 0 when it has not happened. */
  readonly startedAt: number
  readonly finishedAt: number
  /** Of a container with health checks that was started. */
  readonly health?: HealthState
}

/** With the port of the host that it got. */
export type PublishedPort = Omit<PortRequest, 'lastHostPort'>

/** A container as it is at this moment: what `inspect` shows. */
export interface ContainerDetails {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  readonly createdAt: number
  readonly imageId: Digest
  readonly imageName: string
  readonly path: string
  readonly args: readonly string[]
  readonly state: ContainerState
  /** Request and image merged: what runs. */
  readonly config: ContainerConfig & {
    readonly Hostname: string
    readonly Tty: boolean
    readonly OpenStdin: boolean
  }
  readonly request: ContainerRequest
  readonly mounts: readonly ContainerMount[]
  /** By name; the addresses are there while it runs. */
  readonly networks: Readonly<Record<string, ContainerNetwork>>
  readonly ports: readonly PublishedPort[]
  readonly exposedPorts: readonly string[]
  readonly logPath: string
  /** On the host: what is /etc/hosts, /etc/hostname and /etc/resolv.conf in the container; absent before its first start. */
  readonly etcFiles?: { readonly hosts: string; readonly hostname: string; readonly resolvConf: string }
  readonly restartCount: number
  /** Only when asked for: bytes of the writable layer, and of it with the image. */
  readonly sizeRw?: number
  readonly sizeRootFs?: number
}

export interface ContainerNetwork extends EndpointRequest {
  /** ID of the network; empty when there is no such network any more. */
  readonly id: string
  readonly endpoint?: {
    readonly ip: string
    /** Empty on an internal network. */
    readonly gateway: string
    readonly mac: string
    readonly prefixLength: number
    readonly ipv6?: { readonly ip: string; readonly prefixLength: number; readonly gateway: string }
  }
}

export interface ContainerMount {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image'
  /** Of the volume or image. */
  readonly name?: string
  /** Empty for an image. */
  readonly source: string
  readonly subpath?: string
  readonly image?: { readonly id: Digest }
  readonly target: string
  readonly readonly: boolean
  readonly nonRecursive?: boolean
  readonly propagation: string
}

export interface LogLine {
  readonly stream: 'stdout' | 'stderr'
  /** Nanoseconds. */
  readonly time: bigint
  /** With its newline, when it has one. */
  readonly text: Buffer
}

/** Which lines: the last `tail`, from `since` to `until` (nanoseconds since the epoch), and those to come. */
export interface LogOptions extends OpOptions {
  readonly follow?: boolean
  readonly tail?: number
  readonly since?: bigint
  readonly until?: bigint
}

/** A further process in a running container. */
export interface ExecRequest {
  readonly command: readonly string[]
  readonly env: readonly string[]
  readonly workingDir?: string
  readonly user?: string
  readonly tty: boolean
  readonly stdin: boolean
  readonly privileged?: boolean
  /** Runs on without the caller: no output and no exit code come, `wait` says 0 at once. */
  readonly detach?: boolean
}

/** Live streams of a container or of an exec, as `run`, `attach` and `exec` need them. */
export interface Attachment extends AsyncDisposable {
  write(chunk: Uint8Array): Promise<void>
  end(): Promise<void>
  resize(columns: number, rows: number): Promise<void>
  readonly output: AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Buffer }>
}

/** The image that a container becomes. */
export interface CommitRequest {
  readonly reference?: string
  readonly author?: string
  readonly message?: string
  readonly changes?: readonly string[]
  /** Default true. */
  readonly pause?: boolean
  /** What its volumes hold becomes one more layer. */
  readonly includeVolumes?: boolean
}

/** `docker cp`'s idea of a path: what HEAD archive tells. */
export interface PathStat {
  readonly name: string
  readonly size: number
  /** Type and permission bits, as stat(2). */
  readonly mode: number
  /** Nanoseconds. */
  readonly mtime: bigint
  readonly isDirectory: boolean
  readonly linkTarget: string
}

/** Containers by name, id or unique id prefix. Errors: NO_SUCH_CONTAINER, CONTAINER_NAME_IN_USE, CONTAINER_RUNNING, COMMAND_NOT_FOUND (127), COMMAND_NOT_EXECUTABLE (126), … */
export interface Containers {
  /** Newest first; without `all` only those that run. Filters are Docker's for `ps` (C44): INVALID_FILTER. */
  list(options?: {
    readonly all?: boolean
    readonly size?: boolean
    readonly filters?: Readonly<Record<string, readonly string[]>>
  }): Promise<ContainerDetails[]>
  /** As it is at this moment. `size` costs a look at each of its files. */
  inspect(nameOrId: string, options?: { readonly size?: boolean }): Promise<ContainerDetails>
  /** NO_SUCH_IMAGE when the image is not here: pulling is the caller's choice. */
  create(
    request: ContainerWish,
    options?: CreateOptions,
  ): Promise<{ readonly id: string; readonly warnings: readonly string[] }>
  /** Resolves when the process runs; CONTAINER_ALREADY_STARTED (of kind not-modified) when it already does. */
  start(nameOrId: string): Promise<void>
  /** The stop signal, and after `timeout` seconds (default: the container's own, else 10) SIGKILL. CONTAINER_ALREADY_STOPPED (of kind not-modified). */
  stop(nameOrId: string, options?: { readonly timeout?: number; readonly stopSignal?: string }): Promise<void>
  /** What policies want to run and does not, as after a reboot: Docker's daemon does so when it starts. Resolves with the containers that will run. */
  resume(): Promise<readonly string[]>
  /** For the hidden command that starts a container again: when its policy still wants that. */
  revive(id: string): Promise<void>
  /** For the hidden command that the process which runs health checks calls when the status changes. */
  tellHealth(id: string, status: string): Promise<void>
  /** `stop`, where it runs, and `start`. */
  restart(nameOrId: string, options?: { readonly timeout?: number }): Promise<void>
  /** Sends a signal, default SIGKILL: `KILL`, `SIGKILL` or a number. SIGNAL_INVALID, CONTAINER_NOT_KILLED. */
  kill(nameOrId: string, signal?: string): Promise<void>
  /** Its processes stand still. PAUSE_UNAVAILABLE, CONTAINER_ALREADY_PAUSED. */
  pause(nameOrId: string): Promise<void>
  /** CONTAINER_NOT_PAUSED. */
  unpause(nameOrId: string): Promise<void>
  /** CONTAINER_NAME_IN_USE, CONTAINER_NAME_INVALID, CONTAINER_RENAMED_TO_ITSELF. */
  rename(nameOrId: string, name: string): Promise<void>
  /** Resolves with warnings: limits that this machine cannot enforce. */
  update(nameOrId: string, update: ContainerUpdate): Promise<readonly string[]>
  /** What it has used up to now; undefined when it does not run. Rates come of two looks. */
  usage(nameOrId: string): Promise<ResourceUsage | undefined>
  /** With `volumes` its anonymous volumes too. CONTAINER_RUNNING without `force`. */
  remove(nameOrId: string, options?: { readonly force?: boolean; readonly volumes?: boolean }): Promise<void>
  /** Removes all that do not run, or of those what was made before `until` (milliseconds) and has the labels. `reclaimed` in bytes. */
  prune(options?: {
    readonly until?: number
    readonly label?: readonly string[]
  }): Promise<{ readonly removed: readonly string[]; readonly reclaimed: number }>
  /** Before `start`: attaches in time to miss nothing. */
  attach(nameOrId: string, options: { readonly stdin: boolean }): Promise<Attachment>
  /** Of its terminal, in characters. CONTAINER_NOT_RUNNING. */
  resize(nameOrId: string, columns: number, rows: number): Promise<void>
  /** Resolves with the exit code of the process, 0-255. NO_SUCH_CONTAINER when it was removed without one. */
  wait(
    nameOrId: string,
    options?: OpOptions & { readonly condition?: 'not-running' | 'next-exit' | 'removed' },
  ): Promise<number>
  /** What both streams said, in order. LOG_NOT_KEPT for the driver `none`. */
  logs(nameOrId: string, options?: LogOptions): AsyncIterable<LogLine>
  /** One more process in a running container. CONTAINER_NOT_RUNNING, CONTAINER_PAUSED, COMMAND_NOT_FOUND. */
  exec(nameOrId: string, request: ExecRequest): Promise<Attachment & { wait(): Promise<number> }>
  /** Docker's `top`: titles and rows of ps(1) with the given options. */
  top(
    nameOrId: string,
    psArgs?: readonly string[],
  ): Promise<{ readonly titles: readonly string[]; readonly rows: readonly (readonly string[])[] }>
  /** What differs from the image: added, changed, deleted. */
  changes(nameOrId: string): Promise<readonly { readonly kind: 'A' | 'C' | 'D'; readonly path: string }[]>
  /** An image of the container as it is: its ID. A running one stands still meanwhile, unless `pause` is false. */
  commit(nameOrId: string, request: CommitRequest): Promise<Digest>
  /** Flat tar of the whole root, volumes left out. */
  export(nameOrId: string, sink: Writable, options?: OpOptions): Promise<void>
  /** PATH_NOT_IN_CONTAINER. */
  statPath(nameOrId: string, path: string): Promise<PathStat>
  /** A tar of `path`, its top entry named by the last part. */
  readArchive(nameOrId: string, path: string): Promise<{ readonly stat: PathStat; readonly stream: Readable }>
  /** Unpacks a tar below `path`, which must be a folder; all work by handle below the container's root. */
  writeArchive(
    nameOrId: string,
    path: string,
    tar: Readable,
    options?: { readonly copyOwner?: boolean },
  ): Promise<void>
}
