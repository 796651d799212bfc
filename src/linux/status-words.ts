import { bindLibc, cPath, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const statxCall = bindLibc<[number, string | Uint8Array, number, number, Uint8Array]>('statx', 'int', [
  'int',
  'const char *',
  'int',
  'uint',
  'void *',
])
const noFollow = 0x100
const emptyPath = 0x1000
const basicStats = 0x7ff
const buffer = Buffer.from(new ArrayBuffer(256))

/**
 * What `readStatusWords` read last: struct statx as 32-bit words, for hot paths that cannot afford an object for each of
 * many files. 64-bit fields take two words, the low one first. Source: statx(2).
 */
export const statusWords: Uint32Array = new Uint32Array(buffer.buffer, 0, 64)

/** The same bytes. */
export const statusView: DataView = new DataView(buffer.buffer)

/** Positions in `statusWords`. */
export const statusWord = { links: 4, uid: 5, gid: 6, mode: 7 } as const

/** As the system call: asks for the fields of `mask`, and says whether it went well. */
export function callStatx(folder: number, name: string, mask: number): boolean {
  const flags = name === '' ? emptyPath | noFollow : noFollow
  return statxCall(folder, cPath(name), flags, mask, buffer) === 0
}

/** Of `name` in the open folder, of a link itself; the empty `name` means the object behind `folder`. False: no such name. */
export function readStatusWords(folder: number, name: string): boolean {
  if (callStatx(folder, name, basicStats)) return true
  const number = lastErrno()
  if (number === 2 || number === 20) return false
  throw systemFailure('stat', number, name)
}

/** The words by which a file is known not to have changed, in their order: size, inode, mtime, ctime. */
const telling = [10, 11, 8, 9, 28, 29, 30, 24, 25, 26] as const
export const tellingCount: number = telling.length

/** Are the telling words of `statusWords` those at `start` of `expected`? */
export function isSameStatus(expected: Uint32Array, start: number): boolean {
  for (let index = 0; index < telling.length; index++) {
    if (statusWords[telling[index] ?? 0] !== expected[start + index]) return false
  }
  return true
}

/** Puts the telling words of `statusWords` at `start` of `target`. */
export function copyStatus(target: Uint32Array, start: number): void {
  for (let index = 0; index < telling.length; index++) {
    target[start + index] = statusWords[telling[index] ?? 0] ?? 0
  }
}
