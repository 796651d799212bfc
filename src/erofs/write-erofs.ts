import { contentUuid } from './check-erofs.ts'
import { writeChunks } from './chunks.ts'
import { writeDirectoryBlock } from './directory.ts'
import {
  alignUp,
  blockBits,
  blockSize,
  chunkIndexes,
  chunkIndexSize,
  compactInodeSize,
  deviceSlot,
  deviceSlotOffset,
  extendedInodeSize,
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
import { planImage, type ImagePlan, type PlannedInode } from './plan.ts'
import type { ErofsTree } from './tree.ts'
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
  for (const inode of plan.inodes) {
    writeInode(image, inode, plan)
    writeData(image, inode)
  }
  if (tree.side !== undefined) image.set(tree.side, plan.sideBlock * blockSize)
  writeSuperblock(image, plan, tree)
  return image
}

function writeSuperblock(image: Buffer, plan: ImagePlan, tree: ErofsTree): void {
  const root = plan.inodes[0]
  image.writeUInt32LE(superMagic, superOffset)
  image.writeUInt32LE(featureCompatMtime, superOffset + 8)
  image[superOffset + 12] = blockBits
  image.writeUInt16LE(root?.nid ?? 0, superOffset + 14)
  image.writeBigUInt64LE(BigInt(plan.inodes.length), superOffset + 16)
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

function writeInode(image: Buffer, inode: PlannedInode, plan: ImagePlan): void {
  const { node, position: at, compact } = inode
  image.writeUInt16LE((compact ? 0 : 1) | (inode.layout << 1), at)
  image.writeUInt16LE(xattrCount(inode.xattrs.length), at + 2)
  image.writeUInt16LE(fileTypes[node.type].mode | (node.mode & 0o7777), at + 4)
  image.writeUInt32LE(dataField(inode), at + 16)
  // Only of use where inode numbers have 32 bits.
  image.writeUInt32LE(inode.nid, at + 20)
  if (compact) {
    image.writeUInt16LE(inode.links, at + 6)
    image.writeUInt32LE(inode.size, at + 8)
    image.writeUInt16LE(node.uid, at + 24)
    image.writeUInt16LE(node.gid, at + 26)
  } else {
    image.writeBigUInt64LE(BigInt(inode.size), at + 8)
    image.writeUInt32LE(node.uid, at + 24)
    image.writeUInt32LE(node.gid, at + 28)
    writeTime(image, node.mtime, at + 32)
    image.writeUInt32LE(inode.links, at + 44)
  }
  const behind = at + headSize(inode)
  inode.xattrs.copy(image, behind)
  if (inode.chunks !== undefined && node.type === 'file')
    writeChunks(
      image,
      alignUp(behind + inode.xattrs.length, chunkIndexSize),
      node,
      inode.chunks,
      plan.sideBlock,
    )
}

function headSize({ compact }: PlannedInode): number {
  return compact ? compactInodeSize : extendedInodeSize
}

/** The field that means something else for each kind: chunk format, device number, first block. */
function dataField({ node, chunks, layout, dataBlock }: PlannedInode): number {
  if (layout === layoutChunks) return chunkIndexes | (chunks?.bits ?? 0)
  if (node.type === 'char' || node.type === 'block') {
    const { major, minor } = node
    return ((minor & 0xff) | (major << 8) | ((minor & ~0xff) << 12)) >>> 0
  }
  return dataBlock
}

/** Position of block `index` of an inode's own data. */
function blockPosition(inode: PlannedInode, index: number): number {
  const whole = Math.floor(inode.size / blockSize)
  if (inode.layout === layoutInline && index === whole)
    return inode.position + headSize(inode) + inode.xattrs.length
  return (inode.dataBlock + index) * blockSize
}

function writeData(image: Buffer, inode: PlannedInode): void {
  inode.target?.copy(image, blockPosition(inode, 0))
  const { directory } = inode
  if (directory === undefined) return
  for (let block = 0; block < directory.starts.length; block++)
    writeDirectoryBlock(image, blockPosition(inode, block), directory, block)
}
