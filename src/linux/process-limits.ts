import { bindLibc } from './libc.ts'
import { check } from './system-failure.ts'

const prlimitCall = bindLibc<[number, number, Uint8Array, null]>('prlimit', 'int', [
  'int',
  'int',
  'void *',
  'void *',
])
const prctlCall = bindLibc<[number, bigint, bigint, bigint, bigint]>('prctl', 'int', [
  'int',
  'uint64_t',
  'uint64_t',
  'uint64_t',
  'uint64_t',
])
const capgetCall = bindLibc<[Uint8Array, Uint8Array]>('capget', 'int', ['void *', 'void *'])
const capsetCall = bindLibc<[Uint8Array, Uint8Array]>('capset', 'int', ['void *', 'void *'])

const dropFromBounding = 24
const ambient = { call: 47, clearAll: 4 } as const
/** `_LINUX_CAPABILITY_VERSION_3`: two words for each of effective, permitted and inheritable. */
const capabilityVersion = 0x20080522
const mostCapabilities = 64

/** Numbers of resources, `sys/resource.h`; the same on x86-64 and arm64. */
const resources: Readonly<Record<string, number>> = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
}

export interface ProcessLimit {
  /** Lower case, without `RLIMIT_`. */
  readonly name: string
  /** -1 is unlimited. */
  readonly soft: number
  readonly hard: number
}

/** Limits this process and what it starts from now on. PATH_PERMISSION where a hard limit would be raised. Source: prlimit(2). */
export function setOwnLimit({ name, soft, hard }: ProcessLimit): void {
  const both = Buffer.alloc(16)
  for (const [index, value] of [soft, hard].entries())
    both.writeBigUInt64LE(BigInt.asUintN(64, BigInt(value)), index * 8)
  check(prlimitCall(0, resources[name] ?? -1, both, null), 'prlimit', name)
}

/**
 * Programs that this thread starts from now on have none but these capabilities (by number), be they root's or setuid ones;
 * the thread itself keeps its own. Where CAP_SETPCAP is missing they keep what this process has. Source: capabilities(7).
 */
export function limitCapabilities(kept: readonly number[]): void {
  const all = Array.from({ length: mostCapabilities }, (_, number) => number)
  for (const number of all.filter((one) => !kept.includes(one)))
    prctlCall(dropFromBounding, BigInt(number), 0n, 0n, 0n)
  prctlCall(ambient.call, BigInt(ambient.clearAll), 0n, 0n, 0n)
  const header = Buffer.alloc(8)
  header.writeUInt32LE(capabilityVersion)
  const sets = Buffer.alloc(24)
  check(capgetCall(header, sets), 'capget', 'this thread')
  // a program gets what is inheritable and in its file, whatever the bounding set says (CVE-2022-24769)
  for (const inheritable of [8, 20]) sets.writeUInt32LE(0, inheritable)
  check(capsetCall(header, sets), 'capset', 'this thread')
}
