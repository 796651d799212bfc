import { closeSync, existsSync, mkdirSync, openSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tryFlock } from '../../linux/flock.ts'
import { reap, spawnDetached } from '../../linux/spawn-detached.ts'
import { failure } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import { readPidFile } from '../container-files.ts'
import { parseIp } from './ip-address.ts'
import { startNameKeeper } from './name-keeper.ts'

/** Where Debian, Fedora and others put it. */
const programs = ['/usr/lib/podman/aardvark-dns', '/usr/libexec/podman/aardvark-dns', '/usr/bin/aardvark-dns']
/** Milliseconds for the name server to listen. */
const patience = 2000

interface NamedBridge {
  readonly name: string
  readonly gateway: string
  /** File that is locked while anything about bridges and their names is changed. */
  readonly lock: string
}

interface Member {
  readonly ip: string
  readonly ipv6?: { readonly ip: string }
  readonly names: readonly string[]
}

/**
 * The names of a bridge's members, answered on the bridge's own address by aardvark-dns: one process of 3 MB for all
 * bridges of the machine. It answers a member with what is on the networks of that member only, and asks the machine's
 * resolvers for the rest. Started when it does not run; one that was killed is started again by its keeper. The machine's
 * bridge lock is held. Source: aardvark-dns(8). Errors: PROGRAM_MISSING.
 */
export async function publishNames(
  folder: string,
  bridge: NamedBridge,
  members: ReadonlyMap<string, Member>,
): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  if (members.size === 0) return forgetNames(folder, bridge.name)
  const lines = [...members].map(
    ([id, { ip, ipv6, names }]) => `${id} ${ip} ${ipv6?.ip ?? ''} ${names.join(',')}`,
  )
  // moved in whole: the server takes whatever lies in its folder
  const path = `${folder}-${bridge.name}`
  writeFileSync(path, `${[bridge.gateway, ...lines].join('\n')}\n`, { mode: 0o600 })
  renameSync(path, join(folder, bridge.name))
  const server = findServer(folder)
  if (server !== undefined) process.kill(server, 'SIGHUP')
  await untilListening(folder, bridge.gateway)
  startNameKeeper({ folder, program: serverProgram(), bridgesLock: bridge.lock, lifeLock: lifeLock(folder) })
}

/** The bridge has no members; the server ends with the last bridge. */
export function forgetNames(folder: string, bridge: string): void {
  rmSync(join(folder, bridge), { force: true })
  const server = findServer(folder)
  if (server !== undefined) process.kill(server, 'SIGHUP')
}

function findServer(folder: string): number | undefined {
  const pid = readPidFile(join(folder, 'aardvark.pid'))
  // one that nobody has taken off the kernel's hands yet has no command line any more
  return pid !== undefined && readIfThere(`/proc/${pid}/cmdline`).includes('aardvark') ? pid : undefined
}

function serverProgram(): string {
  const path = programs.find((program) => existsSync(program))
  if (path !== undefined) return path
  throw failure('PROGRAM_MISSING', { program: 'aardvark-dns', package: 'aardvark-dns' })
}

/** Locked by the server for as long as it lives: it keeps the descriptor that it was started with. */
function lifeLock(folder: string): string {
  return `${folder}.lock`
}

/** Undefined while one that is just ending still has the lock. */
function startServer(folder: string): number | undefined {
  const path = serverProgram()
  const lock = openSync(lifeLock(folder), 'a', 0o600)
  const nothing = openSync('/dev/null', 'r+')
  try {
    if (!tryFlock(lock, 'exclusive', lifeLock(folder))) return undefined
    const args = ['--config', folder, '--port', '53', 'run']
    const descriptors = [nothing, nothing, nothing, lock]
    return spawnDetached({ path, args, env: {}, folder: '/', descriptors })
  } finally {
    closeSync(lock)
    closeSync(nothing)
  }
}

/** Starts it where it does not run; it may also just be ending, for want of bridges. */
async function untilListening(folder: string, address: string): Promise<void> {
  const limit = performance.now() + patience
  let started: number | undefined
  while (!isListening(address)) {
    if (performance.now() > limit)
      throw failure('PROGRAM_FAILED', { program: 'aardvark-dns', reason: `it does not answer on ${address}` })
    if (findServer(folder) === undefined && (started === undefined || reap(started)))
      started = startServer(folder)
    await sleep(2)
  }
  if (started !== undefined && findServer(folder) !== started) await takeEnd(started)
}

/** Of the process that forked the server: `mille serve` would keep it as a zombie. */
async function takeEnd(parent: number): Promise<void> {
  const limit = performance.now() + patience
  while (!reap(parent) && performance.now() < limit) await sleep(1)
}

/** Of proc_pid_net(5): addresses as little-endian hex. */
function isListening(address: string): boolean {
  const ip = Buffer.alloc(4)
  ip.writeUInt32LE(parseIp(address) ?? 0)
  return readIfThere('/proc/net/udp').includes(`: ${ip.toString('hex').toUpperCase()}:0035 `)
}
