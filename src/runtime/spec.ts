import { readdirSync, statSync } from 'node:fs'
import { failure } from '../util/errors.ts'
import { capabilitiesOf } from './capabilities.ts'
import { canLimit, findProgram } from './machine.ts'
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
  readonly hostname: string
  readonly process: RuntimeProcess
  readonly root: { readonly path: string; readonly readonly: boolean }
  readonly mounts: readonly RuntimeMount[]
  readonly linux: Readonly<Record<string, unknown>>
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
}

interface RuntimeLimit {
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

const maskedPaths = [
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
const readonlyPaths = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

function defaultMounts(privileged: boolean, cgroups: CgroupSupport, shmSize: number): RuntimeMount[] {
  const access = privileged ? 'rw' : 'ro'
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
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: ['nosuid', 'noexec', 'nodev', 'mode=1777', `size=${shmSize}`],
    },
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
  const propagation = extra.some((option) => /^r?(private|shared|slave)$/.test(option)) ? [] : ['rprivate']
  return {
    destination: mount.target,
    type: 'bind',
    source: mount.source ?? '',
    options: ['rbind', ...propagation, access, ...extra],
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
function resourceLimits(ulimits: readonly Ulimit[]): RuntimeLimit[] {
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
  const memory = { limit: get('memory'), swap: get('memorySwap') }
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

function hostDevices(): Record<string, unknown>[] {
  return readdirSync('/dev').flatMap((name) => {
    const stat = statSync(`/dev/${name}`, { throwIfNoEntry: false })
    if (stat === undefined || !(stat.isCharacterDevice() || stat.isBlockDevice()) || name === 'console')
      return []
    const type = stat.isBlockDevice() ? 'b' : 'c'
    // the kernel's new_encode_dev: 12 bits major, 20 bits minor
    const major = (stat.rdev >>> 8) & 0xfff
    const minor = (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00)
    return [
      { path: `/dev/${name}`, type, major, minor, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid },
    ]
  })
}

function namespaces(spec: ProcessSpec, cgroups: CgroupSupport): { type: string; path?: string }[] {
  const list: { type: string; path?: string }[] = [{ type: 'pid' }, { type: 'ipc' }, { type: 'mount' }]
  list.push({ type: 'uts' })
  // with the second version a container sees its own group as the root, as in Docker
  if (cgroups.mode === 'v2') list.push({ type: 'cgroup' })
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
  const defaults = defaultMounts(privileged, context.cgroups, spec.shmSize ?? defaultShmSize).filter(
    (mount) => !taken.has(mount.destination),
  )
  const initMount: ProcessMount[] =
    init === undefined ? [] : [{ type: 'bind', source: init, target: INIT_TARGET, readonly: true }]
  return {
    ociVersion: '1.0.2',
    hostname: spec.hostname,
    process,
    root: { path: spec.rootfs, readonly: spec.readonlyRootfs ?? false },
    mounts: [...defaults, ...initMount.map(givenMount), ...given.toSorted(byDepth)],
    linux: {
      namespaces: namespaces(spec, context.cgroups),
      cgroupsPath: context.cgroupsPath,
      resources: {
        ...(context.cgroups.mode === 'none' ? {} : { devices: [{ allow: privileged, access: 'rwm' }] }),
        ...limitResources(spec.limits ?? {}, context.cgroups),
      },
      ...(privileged ? { devices: hostDevices() } : {}),
      ...(privileged || spec.openPaths === true ? {} : { maskedPaths, readonlyPaths }),
    },
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
