import type * as Koffi from 'koffi'
import { failure } from '../util/errors.ts'
import { encodeBytes } from '../util/byte-string.ts'
import { loadKoffi } from './load-koffi.ts'

/** What a C function of libc may be given: numbers, paths (see `cPath`), memory, a null pointer, or words that end in null. */
export type CArgument = number | bigint | string | Uint8Array | null | readonly (string | null)[]
type CType = 'int' | 'uint' | 'int64_t' | 'uint64_t' | 'const char *' | 'const char **' | 'void *'

interface Loaded {
  readonly libc: Koffi.LibraryHandle
  readonly errno: () => number
}

let loaded: Loaded | undefined

function load(): Loaded {
  if (loaded === undefined) {
    const koffi = loadKoffi()
    loaded = { libc: openLibc(koffi), errno: () => koffi.errno() }
  }
  return loaded
}

function openLibc(koffi: typeof Koffi): Koffi.LibraryHandle {
  const musl = process.arch === 'arm64' ? 'libc.musl-aarch64.so.1' : 'libc.musl-x86_64.so.1'
  try {
    return koffi.load('libc.so.6')
  } catch {
    return koffi.load(musl)
  }
}

/**
 * A function of libc, bound at its first call. It blocks the thread for the time of the system call.
 * The result is as C gives it; -1 leaves the reason in `lastErrno()`, to be read before any other call.
 */
export function bindLibc<Arguments extends readonly CArgument[]>(
  name: string,
  result: CType,
  types: readonly CType[],
): (...values: Arguments) => number {
  let bound: ((...values: Arguments) => number) | undefined
  return (...values) => {
    bound ??= load().libc.func(name, result, [...types]) as (...values: Arguments) => number
    return bound(...values)
  }
}

/** As `bindLibc`, for calls whose result nobody waits for: each blocks a thread of Node's pool instead of this one. */
export function bindLibcAside<Arguments extends readonly CArgument[]>(
  name: string,
  result: CType,
  types: readonly CType[],
): (...values: Arguments) => void {
  let bound: { async(...values: readonly unknown[]): void } | undefined
  return (...values) => {
    bound ??= load().libc.func(name, result, [...types]) as Koffi.KoffiFunc<() => number>
    bound.async(...values, () => {})
  }
}

/** `syscall(2)` for calls that older libraries have no function for; the numbers below are one on all processors. */
export function bindSyscall<Arguments extends readonly CArgument[]>(
  number: number,
  types: readonly CType[],
): (...values: Arguments) => number {
  const call = bindLibc<[number, ...Arguments]>('syscall', 'int64_t', ['int64_t', ...types])
  return (...values) => call(number, ...values)
}

/** The error number of the last failed call of this thread. */
export function lastErrno(): number {
  return load().errno()
}

/**
 * A path as C takes it. Strings from `decodeBytes` give their exact bytes back. Refuses NUL, at which C would cut
 * the name: `safe\0../../etc` must not mean `safe`.
 */
export function cPath(path: string): string | Uint8Array {
  if (path.includes('\0'))
    throw failure('INVALID_ARGUMENT', { reason: `a path must not hold a NUL byte: ${path}` })
  return path.isWellFormed() ? path : Buffer.concat([encodeBytes(path), Buffer.of(0)])
}
