import { contentUuid } from './check-erofs.ts'
import { writeChunks } from './chunks.ts'
import { writeDirectoryBlock } from './directory.ts'
import {
  alignUp,
  blockBits,
  blockSize,
  chunkIndexes,
  chunkIndexSize,
  deviceSlot,
  deviceSlotOffset,
  featureCompatMtime,
  featureIncompatChunkedFile,
  featureIncompatDeviceTable,
  fileTypes,
  layoutChunks,
  layoutInline,
  superMagic,
  superOffset,
  uuidOffset,
} from './format.ts'
import type { InodeTable } from './inode-table.ts'
import { inodeSize, planImage, type ImagePlan } from './plan.ts'
import type { ErofsNode, ErofsTree } from './tree.ts'
import { xattrCount } from './xattrs.ts'

const second = 1_000_000_000n

/**
 * An EROFS image of `tree` whose files lie in one extra device: mount it with `device=` naming the layer tar.
 * The same tree gives the same bytes: no time of making, the UUID is taken from the content.
 * @throws LAYER_LIMIT for what the format cannot hold; INTERNAL for extents that cannot be mapped and impossible names
 */
export function writeErofs(tree: ErofsTree): Buffer {
  const plan = planImage(tree)
  const image = Buffer.alloc(plan.blocks * blockSize)
  for (let inode = 0; inode < plan.inodes.count; inode++) {
    writeInode(image, inode, plan)
    writeData(image, inode, plan.inodes)
  }
  if (tree.side !== undefined) image.set(tree.side, plan.sideBlock * blockSize)
  writeSuperblock(image, plan, tree)
  return image
}

function writeSuperblock(image: Buffer, plan: ImagePlan, tree: ErofsTree): void {
  image.writeUInt32LE(superMagic, superOffset)
  image.writeUInt32LE(featureCompatMtime, superOffset + 8)
  image[superOffset + 12] = blockBits
  image.writeUInt16LE(plan.inodes.nid(0), superOffset + 14)
  image.writeBigUInt64LE(BigInt(plan.inodes.count), superOffset + 16)
  writeTime(image, plan.epoch, superOffset + 24)
  image.writeUInt32LE(plan.blocks, superOffset + 36)
  // Inodes and attributes are addressed from block 0.
  image.writeUInt32LE(featureIncompatChunkedFile | featureIncompatDeviceTable, superOffset + 80)
  image.writeUInt16LE(1, superOffset + 86)
  image.writeUInt16LE(deviceSlot, superOffset + 88)
  const deviceBlocks = Math.ceil(tree.deviceSize / blockSize)
  image.writeUInt32LE(deviceBlocks, deviceSlotOffset + 64)
  contentUuid(image).copy(image, uuidOffset)
}

/** Seconds (64 bits, negative ones in two's complement), then nanoseconds (32 bits, never negative). */
function writeTime(image: Buffer, time: bigint, at: number): void {
  const nanoseconds = ((time % second) + second) % second
  image.writeBigInt64LE((time - nanoseconds) / second, at)
  image.writeUInt32LE(Number(nanoseconds), at + 8)
}

function writeInode(image: Buffer, inode: number, { inodes, sideBlock }: ImagePlan): void {
  const node = inodes.nodes[inode] as ErofsNode
  const at = inodes.positions[inode] ?? 0
  const isCompact = inodes.compact[inode] === 1
  const links = inodes.links[inode] ?? 0
  const xattrs = inodes.xattrs(inode)
  image.writeUInt16LE((isCompact ? 0 : 1) | ((inodes.layouts[inode] ?? 0) << 1), at)
  image.writeUInt16LE(xattrCount(xattrs.length), at + 2)
  image.writeUInt16LE(fileTypes[node.type].mode | (node.mode & 0o7777), at + 4)
  image.writeUInt32LE(dataField(node, inode, inodes), at + 16)
  // Only of use where inode numbers have 32 bits.
  image.writeUInt32LE(inodes.nid(inode), at + 20)
  if (isCompact) {
    image.writeUInt16LE(links, at + 6)
    image.writeUInt32LE(inodes.size(inode), at + 8)
    image.writeUInt16LE(node.uid, at + 24)
    image.writeUInt16LE(node.gid, at + 26)
  } else {
    image.writeBigUInt64LE(BigInt(inodes.size(inode)), at + 8)
    image.writeUInt32LE(node.uid, at + 24)
    image.writeUInt32LE(node.gid, at + 28)
    writeTime(image, node.mtime, at + 32)
    image.writeUInt32LE(links, at + 44)
  }
  const behind = at + inodeSize(inodes, inode)
  xattrs.copy(image, behind)
  const chunks = inodes.chunks(inode)
  if (chunks !== undefined && node.type === 'file')
    writeChunks(image, alignUp(behind + xattrs.length, chunkIndexSize), node, chunks, sideBlock)
}

/** The field that means something else for each kind: chunk format, device number, first block. */
function dataField(node: ErofsNode, inode: number, inodes: InodeTable): number {
  if (inodes.layouts[inode] === layoutChunks) return chunkIndexes | (inodes.chunks(inode)?.bits ?? 0)
  if (node.type === 'char' || node.type === 'block') {
    const { major, minor } = node
    return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
  }
  return inodes.dataBlocks[inode] ?? 0
}

/** Position of block `index` of an inode's own data. */
function blockPosition(inodes: InodeTable, inode: number, index: number): number {
  const whole = Math.floor(inodes.size(inode) / blockSize)
  if (inodes.layouts[inode] === layoutInline && index === whole)
    return (inodes.positions[inode] ?? 0) + inodeSize(inodes, inode) + inodes.xattrs(inode).length
  return ((inodes.dataBlocks[inode] ?? 0) + index) * blockSize
}

function writeData(image: Buffer, inode: number, inodes: InodeTable): void {
  inodes.target(inode)?.copy(image, blockPosition(inodes, inode, 0))
  const directory = inodes.directories.get(inode)
  if (directory === undefined) return
  for (let block = 0; block < directory.starts.length; block++)
    writeDirectoryBlock(image, blockPosition(inodes, inode, block), directory, block, inodes)
}
