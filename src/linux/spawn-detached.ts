import { closeSync } from 'node:fs'
import { bindLibc, cPath } from './libc.ts'
import { check, systemFailure } from './system-failure.ts'

type CPath = string | Uint8Array
const pipeCall = bindLibc<[Uint8Array, number]>('pipe2', 'int', ['void *', 'int'])
const fcntlCall = bindLibc<[number, number, number]>('fcntl', 'int', ['int', 'int', 'int'])
const waitpidCall = bindLibc<[number, null, number]>('waitpid', 'int', ['int', 'void *', 'int'])
const spawnCall = bindLibc<
  [Uint8Array, CPath, Uint8Array, Uint8Array, readonly (string | null)[], readonly (string | null)[]]
>('posix_spawn', 'int', ['void *', 'const char *', 'void *', 'void *', 'const char **', 'const char **'])
const initActions = bindLibc<[Uint8Array]>('posix_spawn_file_actions_init', 'int', ['void *'])
const addDuplicate = bindLibc<[Uint8Array, number, number]>('posix_spawn_file_actions_adddup2', 'int', [
  'void *',
  'int',
  'int',
])
const addFolder = bindLibc<[Uint8Array, CPath]>('posix_spawn_file_actions_addchdir_np', 'int', [
  'void *',
  'const char *',
])
const destroyActions = bindLibc<[Uint8Array]>('posix_spawn_file_actions_destroy', 'int', ['void *'])
const initAttributes = bindLibc<[Uint8Array]>('posix_spawnattr_init', 'int', ['void *'])
const setFlags = bindLibc<[Uint8Array, number]>('posix_spawnattr_setflags', 'int', ['void *', 'int'])
const setDefaultSignals = bindLibc<[Uint8Array, Uint8Array]>('posix_spawnattr_setsigdefault', 'int', [
  'void *',
  'void *',
])
const setMask = bindLibc<[Uint8Array, Uint8Array]>('posix_spawnattr_setsigmask', 'int', ['void *', 'void *'])

/** Larger than posix_spawn_file_actions_t, posix_spawnattr_t and sigset_t of any libc. */
const structSize = 1024
/** `spawn.h` of glibc and musl. */
const flags = { defaultSignals: 0x4, signalMask: 0x8, newSession: 0x80 } as const
const closeOnExec = 0o2000000
const nonBlocking = 0o4000
const duplicateAbove = 1030
const noHang = 1
const setStatus = 4

export interface DetachedProgram {
  /** Absolute. */
  readonly path: string
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly folder: string
  /** What the program has as its descriptors 0, 1, 2, …; it gets no others. */
  readonly descriptors: readonly number[]
}

/**
 * Starts a program in a session of its own that outlives this process; returns its number, to be given to `reap` once it
 * may have ended. Node's own `spawn` copies the page tables of this process first, 3 to 6 ms; this shares its memory until
 * the program is there. Errors: those of posix_spawn(3), as SYSTEM_CALL_FAILED or PATH_*.
 */
export function spawnDetached({ path, args, env, folder, descriptors }: DetachedProgram): number {
  const pid = Buffer.alloc(4)
  const actions = Buffer.alloc(structSize)
  const attributes = Buffer.alloc(structSize)
  initActions(actions)
  // moved above all targets first: 4 -> 3 must not end what goes 3 -> 4
  const moved = descriptors.map((descriptor) =>
    check(fcntlCall(descriptor, duplicateAbove, descriptors.length), 'fcntl', path),
  )
  try {
    addFolder(actions, cPath(folder))
    for (const [target, descriptor] of moved.entries()) addDuplicate(actions, descriptor, target)
    initAttributes(attributes)
    // Node ignores SIGPIPE, and what is ignored stays so in a new program
    setFlags(attributes, flags.defaultSignals | flags.signalMask | flags.newSession)
    setDefaultSignals(attributes, Buffer.alloc(structSize, 0xff))
    setMask(attributes, Buffer.alloc(structSize))
    const words = [path, ...args, null]
    const variables = [...Object.entries(env).map(([name, value]) => `${name}=${value}`), null]
    const number = spawnCall(pid, cPath(path), actions, attributes, words, variables)
    if (number !== 0) throw systemFailure('posix_spawn', number, path)
    expectEnd(pid.readInt32LE())
    return pid.readInt32LE()
  } finally {
    destroyActions(actions)
    for (const descriptor of moved) closeSync(descriptor)
  }
}

/** Children whose end nobody has taken yet, and the timer that looks for it. */
const children = new Set<number>()
let sweep: NodeJS.Timeout | undefined
/** Milliseconds. */
const sweepEvery = 1000

/** A process that lives on, as `mille serve`, would have each that ended as a zombie. The timer keeps nothing alive. */
function expectEnd(pid: number): void {
  children.add(pid)
  sweep ??= setInterval(() => {
    for (const child of children) reap(child)
  }, sweepEvery).unref()
}

/** Takes the end of a child of `spawnDetached` off the kernel's hands. True when it has ended, or is no child any more. */
export function reap(pid: number): boolean {
  if (waitpidCall(pid, null, noHang) === 0) return false
  children.delete(pid)
  if (children.size === 0) {
    clearInterval(sweep)
    sweep = undefined
  }
  return true
}

/** Source: pipe(7). */
export function openPipe(): { readonly read: number; readonly write: number } {
  const ends = Buffer.alloc(8)
  check(pipeCall(ends, closeOnExec), 'pipe2', 'pipe')
  return { read: ends.readInt32LE(0), write: ends.readInt32LE(4) }
}

/** Reads and writes answer EAGAIN instead of waiting, for everybody who has this end of the pipe. */
export function neverWait(descriptor: number): void {
  check(fcntlCall(descriptor, setStatus, nonBlocking), 'fcntl', 'pipe')
}
