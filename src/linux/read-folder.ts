import { decodeBytes } from '../util/byte-string.ts'
import { bindLibc, lastErrno } from './libc.ts'
import { systemFailure } from './system-failure.ts'

const getdentsCall = bindLibc<[number, Uint8Array, number]>('getdents64', 'int64_t', [
  'int',
  'void *',
  'uint64_t',
])

export interface FolderEntry {
  readonly name: string
  /** As S_IFMT bits (0o100000 is a file); 0 when the file system does not say. */
  readonly type: number
}

const buffer = Buffer.alloc(262144)

/** Names in an open folder (not O_PATH), in the file system's order, without `.` and `..`. Reads from its position. */
export function readFolder(descriptor: number, path: string = ''): FolderEntry[] {
  const entries: FolderEntry[] = []
  for (;;) {
    const length = getdentsCall(descriptor, buffer, buffer.length)
    if (length === 0) return entries
    if (length === -1) throw systemFailure('readdir', lastErrno(), path)
    for (let at = 0; at < length;) {
      const size = buffer.readUInt16LE(at + 16)
      const end = buffer.indexOf(0, at + 19)
      const name = decodeBytes(buffer.subarray(at + 19, end))
      if (name !== '.' && name !== '..') entries.push({ name, type: (buffer[at + 18] ?? 0) << 12 })
      at += size
    }
  }
}
