import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'
import { tellingCount } from '../../linux/status-words.ts'

/** What a thread that writes a tar is told, step after step. Numbers are little-endian 32-bit. */
const steps = { bytes: 1, folder: 2, file: 3 } as const

/** Before the bytes of a step. */
export const bytesHead = 8
const fileHead = 16 + tellingCount * 4

/** Room that `putFolder` and `putFile` need at most. */
export function stepRoom(text: string): number {
  return fileHead + text.length * 3 + 4
}

/** The bytes were put behind the head already. */
export function putBytes(target: Buffer, at: number, length: number): void {
  target.writeUInt32LE(steps.bytes, at)
  target.writeUInt32LE(length, at + 4)
}

/** Files that follow are in this folder. Returns the length of the step. */
export function putFolder(target: Buffer, at: number, path: string): number {
  const bytes = encodeBytes(path)
  target.writeUInt32LE(steps.folder, at)
  target.writeUInt32LE(bytes.length, at + 4)
  target.set(bytes, at + 8)
  return 8 + bytes.length
}

export interface FileStep {
  readonly name: string
  /** As `status` says it. */
  readonly size: number
  /** Place of its digest among those wanted; -1: none is. */
  readonly digest: number
  readonly status: Uint32Array
}

/** All bytes of a file. Returns the length of the step. */
export function putFile(
  target: Buffer,
  at: number,
  { name, digest, status }: Omit<FileStep, 'size'>,
): number {
  const bytes = encodeBytes(name)
  target.writeUInt32LE(steps.file, at)
  target.writeUInt32LE(bytes.length, at + 4)
  target.writeInt32LE(digest, at + 8)
  for (let index = 0; index < tellingCount; index++)
    target.writeUInt32LE(status[index] ?? 0, at + 16 + index * 4)
  target.set(bytes, at + fileHead)
  return fileHead + bytes.length
}

export interface StepReader {
  bytes(bytes: Buffer): void
  folder(path: string): void
  file(step: FileStep): void
}

const status = new Uint32Array(tellingCount)

/** Reads `length` bytes of steps; what `file` is given as status is good until it returns. */
export function readSteps(source: Buffer, length: number, reader: StepReader): void {
  for (let at = 0; at < length;) {
    const step = source.readUInt32LE(at)
    const size = source.readUInt32LE(at + 4)
    const head = step === steps.file ? fileHead : bytesHead
    const content = source.subarray(at + head, at + head + size)
    if (step === steps.bytes) reader.bytes(content)
    else if (step === steps.folder) reader.folder(decodeBytes(content))
    else {
      for (let index = 0; index < tellingCount; index++)
        status[index] = source.readUInt32LE(at + 16 + index * 4)
      const bytes = (status[0] ?? 0) + (status[1] ?? 0) * 0x1_0000_0000
      reader.file({ name: decodeBytes(content), size: bytes, digest: source.readInt32LE(at + 8), status })
    }
    at += head + size
  }
}
