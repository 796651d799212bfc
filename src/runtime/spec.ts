import { failure } from '../util/errors.ts'
import { capabilitiesOf } from './capabilities.ts'
import { deviceRule, givenDevices, hostDevices, throttles } from './devices.ts'
import { canLimit, canLimitBlockIo, findProgram } from './machine.ts'
import type { CgroupSupport } from './machine.ts'
import type { ProcessMount, ProcessSpec, ResourceLimits, Ulimit } from './runtime.ts'
import type { ResolvedUser } from './user.ts'
import { readText } from '../util/read-text.ts'

/** What was looked up on this machine and in the root folder before the document can be written. */
export interface SpecContext {
  readonly user: ResolvedUser
  /** Checked and canonical. */
  readonly cwd: string
  readonly cgroups: CgroupSupport
  /** Path below each controller's mount. */
  readonly cgroupsPath: string
}

/** Part of the OCI runtime specification's config.json that mille writes. */
export interface RuntimeSpec {
  readonly ociVersion: string
  /** Absent in the host's UTS namespace. */
  readonly hostname?: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly mounts: readonly RuntimeMount[]
  readonly linux: Readonly<Record<string, unknown>>
  readonly hooks?: ProcessSpec['hooks']
  /** For the runtime, by mille alone. */
  readonly annotations?: Readonly<Record<string, string>>
}

export interface RuntimeProcess {
  readonly terminal: boolean
  readonly consoleSize?: { readonly width: number; readonly height: number }
  readonly user: { readonly uid: number; readonly gid: number; readonly additionalGids: readonly number[] }
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  readonly capabilities: Readonly<Record<string, readonly string[]>>
  readonly rlimits: readonly RuntimeLimit[]
  readonly noNewPrivileges: boolean
  readonly oomScoreAdj?: number
}

export interface RuntimeLimit {
  readonly type: string
  /** Infinity is unlimited: see `specText`. */
  readonly soft: number
  readonly hard: number
}

interface RuntimeMount {
  readonly destination: string
  readonly type: string
  readonly source: string
  readonly options: readonly string[]
}

export const defaultShmSize: number = 64 * 2 ** 20
const DEFAULT_PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
/** On the /dev tmpfs, so that no file is left in the container's layer. */
const INIT_TARGET = '/dev/init'

export const maskedPaths: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]
export const readonlyPaths: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
]

/** What all processes of one IPC namespace share: the host's are found again in its namespace. */
function ipcMounts({ namespaces = {}, shmSize = defaultShmSize }: ProcessSpec): RuntimeMount[] {
  const usual = ['nosuid', 'noexec', 'nodev']
  const queue = { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: usual }
  if (namespaces.ipc === 'none') return [queue]
  const memory =
    namespaces.ipc === 'host'
      ? { type: 'bind', source: '/dev/shm', options: ['rbind', 'rprivate', ...usual] }
      : { type: 'tmpfs', source: 'shm', options: [...usual, 'mode=1777', `size=${shmSize}`] }
  return [queue, { destination: '/dev/shm', ...memory }]
}

function defaultMounts(spec: ProcessSpec, cgroups: CgroupSupport): RuntimeMount[] {
  const access = spec.privileged === true ? 'rw' : 'ro'
  const mounts: RuntimeMount[] = [
    { destination: '/proc', type: 'proc', source: 'proc', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
    },
    { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', access] },
    ...ipcMounts(spec),
  ]
  if (cgroups.mode !== 'none') {
    mounts.push({
      destination: '/sys/fs/cgroup',
      type: 'cgroup',
      source: 'cgroup',
      options: [access, 'nosuid', 'noexec', 'nodev'],
    })
  }
  return mounts
}

const propagationWord = /^r?(private|shared|slave)$/

/** Mounts below the root come through from the host only as far as the root itself lets them. */
function rootPropagation(mounts: readonly ProcessMount[]): { readonly rootfsPropagation?: string } {
  const words = mounts.flatMap(({ options = [] }) => options)
  if (words.some((word) => /^r?shared$/.test(word))) return { rootfsPropagation: 'shared' }
  return words.some((word) => /^r?slave$/.test(word)) ? { rootfsPropagation: 'rslave' } : {}
}

function givenMount(mount: ProcessMount): RuntimeMount {
  const access = mount.readonly ? 'ro' : 'rw'
  const extra = mount.options ?? []
  if (mount.type === 'tmpfs') {
    // crun does not take a flag back for a later word
    const usual = ['nosuid', 'nodev', 'noexec'].filter((word) => !extra.includes(word.slice(2)))
    return {
      destination: mount.target,
      type: 'tmpfs',
      source: 'tmpfs',
      options: [...usual, access, ...extra],
    }
  }
  const propagation = extra.some((option) => propagationWord.test(option)) ? [] : ['rprivate']
  const words = [...propagation, access, ...extra]
  return {
    destination: mount.target,
    type: 'bind',
    source: mount.source ?? '',
    // crun takes a recursive word of any kind for the bind too
    options:
      mount.nonRecursive === true
        ? ['bind', ...words.map((word) => word.replace(propagationWord, '$1'))]
        : ['rbind', ...words],
  }
}

/** A new tmpfs, devpts, … must be there before what is mounted below it. */
function byDepth(a: RuntimeMount, b: RuntimeMount): number {
  return a.destination.split('/').filter(Boolean).length - b.destination.split('/').filter(Boolean).length
}

/** The runtime has no free order: a parent's own hard limit is the most that a child can be given without privilege. */
function openFilesLimit(): RuntimeLimit {
  const line = /^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)/m.exec(readText('/proc/self/limits'))
  const own = line?.[2] === undefined || line[2] === 'unlimited' ? Infinity : Number(line[2])
  const hard = Math.min(own, 524_288)
  // Node raises its own soft limit to the hard one; old programs close every possible descriptor one by one
  return { type: 'RLIMIT_NOFILE', soft: Math.min(1024, hard), hard }
}

/** The limits asked for, and the usual one of open files unless it is among them. */
export function resourceLimits(ulimits: readonly Ulimit[]): RuntimeLimit[] {
  const limits = new Map([['RLIMIT_NOFILE', openFilesLimit()]])
  for (const { name, soft, hard } of ulimits) {
    const type = `RLIMIT_${name.toUpperCase()}`
    limits.set(type, { type, soft, hard })
  }
  return [...limits.values()]
}

/** Last value of a name wins, in the place of the first; PATH and HOME are there when nobody set them. */
export function mergeEnvironment(env: readonly string[], home: string): string[] {
  const values = new Map<string, string>([['PATH', DEFAULT_PATH]])
  for (const line of env) {
    if (line.includes('\0'))
      throw failure('INVALID_ARGUMENT', { reason: 'environment variable contains a NUL byte' })
    const [name = ''] = line.split('=', 1)
    if (name !== '') values.set(name, line.includes('=') ? line : `${line}=`)
  }
  if (!values.has('HOME')) values.set('HOME', `HOME=${home}`)
  return [...values.values()]
}

function initProgram(): string {
  const found = ['docker-init', 'tini-static', 'catatonit']
    .map(findProgram)
    .find((path) => path !== undefined)
  if (found === undefined) {
    throw failure('PROGRAM_MISSING', { program: 'an init (tini-static or catatonit)', package: 'tini' })
  }
  return found
}

/** `linux.resources` for the limits that this machine can enforce; the others are left out, `describe()` names them. */
export function limitResources(limits: ResourceLimits, support: CgroupSupport): Record<string, unknown> {
  const get = (name: keyof ResourceLimits): number | string | undefined =>
    canLimit(support, name) ? limits[name] : undefined
  const memory = {
    limit: get('memory'),
    swap: get('memorySwap'),
    reservation: get('memoryReservation'),
    swappiness: get('memorySwappiness'),
  }
  const cpu = {
    quota: get('cpuQuota'),
    period: get('cpuPeriod'),
    shares: get('cpuShares'),
    cpus: get('cpusetCpus'),
    mems: get('cpusetMems'),
  }
  const pids = get('pids')
  return {
    ...(Object.values(memory).some((value) => value !== undefined) ? { memory } : {}),
    ...(Object.values(cpu).some((value) => value !== undefined) ? { cpu } : {}),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  }
}

function namespaces(spec: ProcessSpec, cgroups: CgroupSupport): { type: string; path?: string }[] {
  const { pid, ipc, uts, cgroup = cgroups.mode === 'v2' ? 'private' : 'host' } = spec.namespaces ?? {}
  const list: { type: string; path?: string }[] = [{ type: 'mount' }]
  if (pid !== 'host') list.push({ type: 'pid', ...pid })
  if (ipc !== 'host') list.push({ type: 'ipc', ...(ipc !== 'none' && ipc) })
  if (uts !== 'host') list.push({ type: 'uts' })
  // with the second version a container sees its own group as the root, as in Docker
  if (cgroup === 'private') list.push({ type: 'cgroup' })
  if (spec.network.kind === 'none') list.push({ type: 'network' })
  if (spec.network.kind === 'namespace') list.push({ type: 'network', path: spec.network.path })
  return list
}

/** What a process is given, for a container's first process and for `exec` alike. */
export function processDocument(
  request: {
    readonly args: readonly string[]
    readonly env: readonly string[]
    readonly tty?: boolean
    readonly consoleSize?: { readonly width: number; readonly height: number }
    readonly privileged?: boolean
    readonly capAdd?: readonly string[]
    readonly capDrop?: readonly string[]
    readonly ulimits?: readonly Ulimit[]
    readonly noNewPrivileges?: boolean
    readonly oomScoreAdj?: number
  },
  context: { readonly user: ResolvedUser; readonly cwd: string },
): RuntimeProcess {
  if (request.args.some((arg) => arg.includes('\0')))
    throw failure('INVALID_ARGUMENT', { reason: 'argument contains a NUL byte' })
  const caps = capabilitiesOf(request)
  return {
    terminal: request.tty ?? false,
    ...(request.consoleSize !== undefined && { consoleSize: request.consoleSize }),
    user: { uid: context.user.uid, gid: context.user.gid, additionalGids: context.user.groups },
    args: request.args,
    env: mergeEnvironment(
      request.tty === true ? ['TERM=xterm', ...request.env] : request.env,
      context.user.home,
    ),
    cwd: context.cwd,
    // inheritable and ambient stay empty (CVE-2022-24769)
    capabilities: { bounding: caps, effective: caps, permitted: caps },
    rlimits: resourceLimits(request.ulimits ?? []),
    noNewPrivileges: request.noNewPrivileges ?? false,
    ...(request.oomScoreAdj !== undefined && { oomScoreAdj: request.oomScoreAdj }),
  }
}

/**
 * The OCI runtime document for a process (runtime-spec config.md, config-linux.md). Derived from the request alone:
 * no annotation, label or hook of an image gets here.
 */
export function runtimeSpec(spec: ProcessSpec, context: SpecContext): RuntimeSpec {
  const privileged = spec.privileged === true
  const init = spec.init === true ? initProgram() : undefined
  const process = processDocument(
    init === undefined ? spec : { ...spec, args: [INIT_TARGET, '--', ...spec.args] },
    context,
  )
  const given = spec.mounts.map(givenMount)
  const taken = new Set(given.map((mount) => mount.destination))
  const defaults = defaultMounts(spec, context.cgroups).filter((mount) => !taken.has(mount.destination))
  const devices = givenDevices(spec.devices ?? [])
  const initMount: ProcessMount[] =
    init === undefined ? [] : [{ type: 'bind', source: init, target: INIT_TARGET, readonly: true }]
  return {
    ociVersion: '1.0.2',
    ...(spec.namespaces?.uts !== 'host' && { hostname: spec.hostname }),
    process,
    root: { path: spec.rootfs, readonly: spec.readonlyRootfs ?? false },
    mounts: [...defaults, ...initMount.map(givenMount), ...given.toSorted(byDepth)],
    linux: {
      namespaces: namespaces(spec, context.cgroups),
      cgroupsPath: context.cgroupsPath,
      ...rootPropagation(spec.mounts),
      resources: {
        ...(context.cgroups.mode !== 'none' && {
          devices: [
            { allow: privileged, access: 'rwm' },
            ...devices.rules,
            ...(spec.deviceRules ?? []).map(deviceRule),
          ],
        }),
        ...limitResources(spec.limits ?? {}, context.cgroups),
        ...(spec.deviceRates && canLimitBlockIo(context.cgroups) && { blockIO: throttles(spec.deviceRates) }),
      },
      devices: [...(privileged ? hostDevices() : []), ...devices.nodes],
      ...(spec.sysctls !== undefined && { sysctl: spec.sysctls }),
      ...(privileged || spec.openPaths === true ? {} : { maskedPaths, readonlyPaths }),
    },
    ...(spec.annotations !== undefined && { annotations: spec.annotations }),
    ...(spec.hooks !== undefined && { hooks: spec.hooks }),
  }
}

const unlimited = '18446744073709551615'

/** The limits of a process that runs, from its document. */
export function readLimits({ rlimits }: RuntimeProcess): RuntimeLimit[] {
  const value = (limit: number): number => (limit >= Number(unlimited) ? Infinity : limit)
  return rlimits.map(({ type, soft, hard }) => ({ type, soft: value(soft), hard: value(hard) }))
}

/** The document as JSON; an unlimited ulimit is the largest 64-bit number, which JavaScript cannot hold. */
export function specText(document: RuntimeSpec | RuntimeProcess): string {
  const text = JSON.stringify(document, (_, value: unknown) => (value === Infinity ? unlimited : value))
  return text.replaceAll(new RegExp(`"(soft|hard)":"${unlimited}"`, 'g'), `"$1":${unlimited}`)
}
