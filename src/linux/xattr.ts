import { constants } from 'node:os'
import { decodeBytes } from '../util/byte-string.ts'
import { bindLibc, cPath, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

type CPath = string | Uint8Array
const { errno } = constants

/**
 * Extended attributes of what `path` names; a link there is not followed. To reach an open descriptor (also an O_PATH
 * one, also one of a symlink) use the `descriptor` variants: they go through /proc/self/fd, whose last step the
 * kernel resolves to the object itself.
 */
const getCalls = bindPair<[CPath, CPath, Uint8Array, number]>('getxattr', 'int64_t', [
  'const char *',
  'const char *',
  'void *',
  'uint64_t',
])
const setCalls = bindPair<[CPath, CPath, Uint8Array, number, number]>('setxattr', 'int', [
  'const char *',
  'const char *',
  'void *',
  'uint64_t',
  'int',
])
const listCalls = bindPair<[CPath, Uint8Array, number]>('listxattr', 'int64_t', [
  'const char *',
  'void *',
  'uint64_t',
])

const flistxattrCall = bindLibc<[number, Uint8Array | null, number]>('flistxattr', 'int64_t', [
  'int',
  'void *',
  'uint64_t',
])

interface Pair<Arguments extends readonly (CPath | number)[]> {
  readonly path: (...values: Arguments) => number
  readonly descriptor: (...values: Arguments) => number
}

function bindPair<Arguments extends readonly (CPath | number)[]>(
  name: string,
  result: 'int' | 'int64_t',
  types: readonly ('int' | 'uint64_t' | 'const char *' | 'void *')[],
): Pair<Arguments> {
  return {
    path: bindLibc<Arguments>(`l${name}`, result, types),
    descriptor: bindLibc<Arguments>(name, result, types),
  }
}

/** A path, of which a last link is not followed, or an open descriptor of any kind. */
export type XattrTarget = string | number

const buffer = Buffer.alloc(65536)

function resolveTarget(target: XattrTarget): {
  readonly path: CPath
  readonly kind: keyof Pair<[]>
  readonly shown: string
} {
  if (typeof target === 'string') return { path: cPath(target), kind: 'path', shown: target }
  const path = `/proc/self/fd/${String(target)}`
  return { path, kind: 'descriptor', shown: path }
}

/** Undefined when there is no such attribute, or the file system has none. */
export function getXattr(target: XattrTarget, name: string): Buffer | undefined {
  const { path, kind, shown } = resolveTarget(target)
  const length = getCalls[kind](path, cPath(name), buffer, buffer.length)
  if (length >= 0) return Buffer.from(buffer.subarray(0, length))
  const number = lastErrno()
  if (number === errno.ENODATA || number === errno.ENOTSUP) return undefined
  throw systemFailure(`getxattr ${name}`, number, shown)
}

export function setXattr(target: XattrTarget, name: string, value: Uint8Array): void {
  const { path, kind, shown } = resolveTarget(target)
  if (setCalls[kind](path, cPath(name), value, value.length, 0) === -1)
    throw systemFailure(`setxattr ${name}`, lastErrno(), shown)
}

/** Names in byte order; none where the file system has no attributes. */
export function listXattrs(target: XattrTarget): string[] {
  const { path, kind, shown } = resolveTarget(target)
  const length = listCalls[kind](path, buffer, buffer.length)
  if (length === 0) return []
  if (length === -1) {
    const number = lastErrno()
    if (number === errno.ENOTSUP) return []
    throw systemFailure('listxattr', number, shown)
  }
  return decodeBytes(buffer.subarray(0, length - 1))
    .split('\0')
    .sort()
}

/** Is it what a user sets on purpose, not a label of this machine? */
export function isUserXattr(name: string): boolean {
  return /^(user\.|security\.capability$)/.test(name)
}

/** Has the open file attributes for which `isUserXattr`? Most have none at all, which one cheap call tells. */
export function hasUserXattrs(descriptor: number): boolean {
  if (flistxattrCall(descriptor, null, 0) <= 0) return false
  return listXattrs(descriptor).some(isUserXattr)
}
