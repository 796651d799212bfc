import { closeSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { crc32 } from 'node:zlib'
import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'
import type { Digest } from '../../oci/digest.ts'
import { digestHex } from '../../oci/digest.ts'
import { words } from './entry-table.ts'

/**
 * What is remembered about a context folder between builds, so that an unchanged file is never read again and an
 * unchanged folder not even listed. Layout, all numbers little-endian 32-bit: magic, number of folders and selections,
 * for each folder its path and names (length, bytes, padding) and a row for itself and one for each name, for each
 * selection its key and digest (32 bytes each); last a CRC-32. A file that cannot be read is no index: nothing but time
 * is lost.
 */
const magic = 0x32_78_63_6d
const headerBytes = 12
const rowBytes = words * 4

/** One folder of a loaded index; rows are positions in `ContextIndex.words`. */
export interface IndexedFolder {
  /** The folder's own row. */
  readonly row: number
  /** Rows of its names follow from here. */
  readonly rows: number
  readonly namesAt: number
  readonly namesLength: number
  readonly count: number
}

export interface ContextIndex {
  readonly words: Uint32Array
  readonly folders: ReadonlyMap<string, IndexedFolder>
  /** Digests of selections, by key, of the files as the rows have them. */
  readonly selections: ReadonlyMap<Digest, Digest>
  /** In the order of its rows. */
  names(folder: IndexedFolder): string[]
}

export const emptyIndex: ContextIndex = {
  words: new Uint32Array(0),
  folders: new Map(),
  selections: new Map(),
  names: () => [],
}

export function loadContextIndex(file: string): ContextIndex {
  let bytes: Buffer
  try {
    bytes = readFileSync(file)
  } catch {
    return emptyIndex
  }
  if (bytes.length < headerBytes + 4 || bytes.length % 4 !== 0) return emptyIndex
  // typed arrays need the alignment that a pooled buffer may lack
  if (bytes.byteOffset % 4 !== 0) bytes = Buffer.from(new Uint8Array(bytes).buffer)
  if (bytes.readUInt32LE(0) !== magic) return emptyIndex
  // after a power cut the file may hold zeros where data was to come
  if (crc32(bytes.subarray(0, -4)) !== bytes.readUInt32LE(bytes.length - 4)) return emptyIndex
  const table = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const folders = new Map<string, IndexedFolder>()
  let at = headerBytes
  for (let left = bytes.readUInt32LE(4); left > 0; left--) {
    const pathLength = table[at / 4] ?? 0
    const count = table[at / 4 + 1] ?? 0
    const namesLength = table[at / 4 + 2] ?? 0
    const path = decodeBytes(bytes.subarray(at + 12, at + 12 + pathLength))
    const namesAt = at + 12 + pad(pathLength)
    const start = namesAt + pad(namesLength)
    folders.set(path, { row: start / 4, rows: start / 4 + words, namesAt, namesLength, count })
    at = start + (count + 1) * rowBytes
  }
  const selections = new Map<Digest, Digest>()
  for (let left = bytes.readUInt32LE(8); left > 0; left--, at += 64) {
    const [key, digest] = [at, at + 32].map(
      (from) => `sha256:${bytes.toString('hex', from, from + 32)}` as Digest,
    )
    if (key !== undefined && digest !== undefined) selections.set(key, digest)
  }
  return {
    words: table,
    folders,
    selections,
    names: ({ namesAt, namesLength, count }) =>
      count === 0 ? [] : decodeBytes(bytes.subarray(namesAt, namesAt + namesLength)).split('\0'),
  }
}

/** A folder to be written. */
export interface FolderRows {
  readonly path: string
  readonly names: readonly string[]
  /** Its own row, then one for each name. */
  readonly rows: Uint8Array
}

/** Folder by folder: all of a large context at once would take twice its rows. */
export function saveContextIndex(
  file: string,
  folders: readonly (() => FolderRows)[],
  selections: ReadonlyMap<Digest, Digest>,
): void {
  const temporary = `${file}.${process.pid}`
  try {
    const open = openSync(temporary, 'w', 0o600)
    try {
      let sum = 0
      const write = (bytes: Uint8Array): void => {
        sum = crc32(bytes, sum)
        for (let done = 0; done < bytes.length;) done += writeSync(open, bytes, done)
      }
      write(words32(magic, folders.length, selections.size))
      for (const folder of folders) write(encodeFolder(folder()))
      for (const pair of selections) for (const digest of pair) write(Buffer.from(digestHex(digest), 'hex'))
      write(words32(sum))
    } finally {
      closeSync(open)
    }
    renameSync(temporary, file)
  } catch {
    // a full disk costs the next build time, not this one its result
    rmSync(temporary, { force: true })
  }
}

function encodeFolder({ path, names, rows }: FolderRows): Buffer {
  const pathBytes = encodeBytes(path)
  const nameBytes = encodeBytes(names.join('\0'))
  const head = Buffer.alloc(12 + pad(pathBytes.length) + pad(nameBytes.length))
  words32(pathBytes.length, names.length, nameBytes.length).copy(head)
  pathBytes.copy(head, 12)
  nameBytes.copy(head, 12 + pad(pathBytes.length))
  return Buffer.concat([head, rows])
}

function words32(...numbers: readonly number[]): Buffer {
  const bytes = Buffer.alloc(numbers.length * 4)
  for (const [index, number] of numbers.entries()) bytes.writeUInt32LE(number, index * 4)
  return bytes
}

function pad(length: number): number {
  return (length + 3) & ~3
}
