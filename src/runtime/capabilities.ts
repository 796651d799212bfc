import { failure } from '../util/errors.ts'
import { readText } from '../util/read-text.ts'

/** In the order of the kernel's numbers (linux/capability.h): the index is the bit. */
const names = [
  'CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP LINUX_IMMUTABLE NET_BIND_SERVICE',
  'NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE SYS_PACCT SYS_ADMIN',
  'SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP MAC_OVERRIDE',
  'MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE',
]
  .join(' ')
  .split(' ')
  .map((name) => `CAP_${name}`)

/** Docker's fourteen. */
const defaults = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FSETID',
  'CAP_FOWNER',
  'CAP_MKNOD',
  'CAP_NET_RAW',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETFCAP',
  'CAP_SETPCAP',
  'CAP_NET_BIND_SERVICE',
  'CAP_SYS_CHROOT',
  'CAP_KILL',
  'CAP_AUDIT_WRITE',
]

let bounding: ReadonlySet<string> | undefined

/** What this process may hand on: in a sandbox some bits are missing, and asking for them makes the runtime fail. */
function boundingSet(): ReadonlySet<string> {
  bounding ??= ownSet('CapBnd')
  return bounding
}

function ownSet(which: 'CapBnd' | 'CapEff'): ReadonlySet<string> {
  const line = new RegExp(`^${which}:\\s*([0-9a-f]+)$`, 'm').exec(readText('/proc/self/status'))
  const mask = BigInt(`0x${line?.[1] ?? '0'}`)
  return new Set(names.filter((_, bit) => (mask >> BigInt(bit)) & 1n))
}

/** Those of `wanted` that this process lacks at this moment. */
export function missingCapabilities(wanted: readonly string[]): string[] {
  const held = ownSet('CapEff')
  return wanted.filter((name) => !held.has(name))
}

/**
 * The numbers of what a step has that no namespace surrounds: Docker's set without the right to leave its root by another
 * chroot(2), which also keeps it from tracing mille (ptrace(2)), and without device nodes where no container's rules say
 * which ones it may open.
 */
export function chrootCapabilities(): number[] {
  const isContained = !boundingSet().has('CAP_SYS_ADMIN')
  const capDrop = ['SYS_CHROOT', ...(isContained ? [] : ['MKNOD'])]
  return capabilitiesOf({ capDrop }).map((name) => names.indexOf(name))
}

function canonical(list: readonly string[]): { all: boolean; caps: ReadonlySet<string> } {
  const upper = list.map((name) => name.toUpperCase())
  const caps = upper
    .filter((name) => name !== 'ALL')
    .map((name) => (name.startsWith('CAP_') ? name : `CAP_${name}`))
  const unknown = caps.find((name) => !names.includes(name))
  if (unknown !== undefined) throw failure('CAPABILITY_UNKNOWN', { name: unknown })
  return { all: upper.includes('ALL'), caps: new Set(caps) }
}

/** The capability set of a process, by Docker's rules for `--cap-add`, `--cap-drop` (both know `ALL`) and `--privileged`. */
export function capabilitiesOf(request: {
  readonly privileged?: boolean
  readonly capAdd?: readonly string[]
  readonly capDrop?: readonly string[]
}): string[] {
  const add = canonical(request.capAdd ?? [])
  const drop = canonical(request.capDrop ?? [])
  const start = request.privileged === true || add.all ? names : drop.all ? [] : defaults
  const wanted = new Set([
    ...start.filter((name) => request.privileged === true || !drop.caps.has(name)),
    ...add.caps,
  ])
  return names.filter((name) => wanted.has(name) && boundingSet().has(name))
}
