import type { ErofsNode } from './tree.ts'

/**
 * Numbers of the EROFS on-disk format, as this writer uses it. Source: Linux, Documentation/filesystems/erofs.rst and
 * the structures it names (fs/erofs/erofs_fs.h).
 */
export const blockBits = 9
/** 512, so that every file of a tar starts at a block. Kernels take it since 6.4. */
export const blockSize = 512

export const superOffset = 1024
export const superMagic = 0xe0f5e1e2
export const uuidOffset: number = superOffset + 48
export const uuidLength = 16
/** Slots of 128 bytes; the only device slot follows the superblock. */
export const deviceSlotOffset = 1152
export const deviceSlot: number = deviceSlotOffset / 128
/** Where inodes start. They are named by nid: their position in units of 32 bytes. */
export const inodesOffset = 1280
export const nidUnit = 32

/** Files carry their mtime (not ctime). */
export const featureCompatMtime = 0x2
export const featureIncompatChunkedFile = 0x4
export const featureIncompatDeviceTable = 0x8

export const compactInodeSize = 32
export const extendedInodeSize = 64

/** How an inode's data lies: in blocks; the last part behind the inode; in chunks. */
export const layoutPlain = 0
export const layoutInline = 2
export const layoutChunks = 4

/** Flag of chunk-based inodes: 8-byte indexes with a device number. */
export const chunkIndexes = 0x20
export const chunkIndexSize = 8
/** Block number of a hole. */
export const noBlock = 0xffff_ffff
/** Most bits that a chunk may have above a block. */
export const maxChunkBits = 31

/** Number of a type in directory entries, and its bits in modes (S_IFMT). */
interface TypeNumbers {
  readonly entry: number
  readonly mode: number
}

export const fileTypes: Readonly<Record<ErofsNode['type'], TypeNumbers>> = {
  file: { entry: 1, mode: 0o100000 },
  directory: { entry: 2, mode: 0o040000 },
  char: { entry: 3, mode: 0o020000 },
  block: { entry: 4, mode: 0o060000 },
  fifo: { entry: 5, mode: 0o010000 },
  socket: { entry: 6, mode: 0o140000 },
  symlink: { entry: 7, mode: 0o120000 },
}

export function alignUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit
}
