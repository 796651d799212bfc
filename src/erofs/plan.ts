import { failure } from '../util/errors.ts'
import { planDirectory, sortNames } from './directory.ts'
import {
  alignUp,
  blockSize,
  chunkIndexSize,
  compactInodeSize,
  extendedInodeSize,
  inodesOffset,
  layoutInline,
  layoutPlain,
  nidUnit,
} from './format.ts'
import { InodeTable } from './inode-table.ts'
import type { ErofsDirectory, ErofsNode, ErofsTree } from './tree.ts'

export interface ImagePlan {
  readonly inodes: InodeTable
  /** Time of all compact inodes: the most frequent one. */
  readonly epoch: bigint
  /** Block at which the side blob starts. */
  readonly sideBlock: number
  /** Blocks of the whole image. */
  readonly blocks: number
}

/** Chunk indexes of all files together; only huge sparse files with fine maps come near. */
const maxChunks = 8_000_000

/** Decides where everything goes. The same tree gives the same plan, however its maps are ordered. */
export function planImage(tree: ErofsTree): ImagePlan {
  const inodes = collectInodes(tree.root)
  const epoch = mostFrequentTime(inodes.nodes)
  let position = inodesOffset
  for (let inode = 0; inode < inodes.count; inode++) {
    inodes.compact[inode] = fitsCompact(inodes, inode, epoch) ? 1 : 0
    position = placeInode(inodes, inode, position)
  }
  let block = Math.ceil(position / blockSize)
  for (let inode = 0; inode < inodes.count; inode++) {
    const blocks = dataBlocks(inodes, inode)
    if (blocks === 0) continue
    inodes.dataBlocks[inode] = block
    block += blocks
  }
  const sideBlock = block
  return { inodes, epoch, sideBlock, blocks: block + Math.ceil((tree.side?.length ?? 0) / blockSize) }
}

/** A folder whose names are still to be collected. */
interface Waiting {
  readonly node: ErofsDirectory
  readonly inode: number
  readonly parent: number
}

/** All inodes, the root first (its number has 16 bits on disk), folders with what is in them; no recursion: depth is the image's. */
function collectInodes(root: ErofsDirectory): InodeTable {
  const inodes = new InodeTable(countNames(root))
  const known = new Map<ErofsNode, number>()
  let chunks = 0
  const reserve = (node: ErofsNode): number => {
    const inode = inodes.add(node)
    known.set(node, inode)
    chunks += inodes.chunks(inode)?.count ?? 0
    if (chunks > maxChunks)
      throw failure('LAYER_LIMIT', { what: 'chunks of sparse files', found: chunks, limit: maxChunks })
    return inode
  }
  const link = (inode: number): void => void (inodes.links[inode] = (inodes.links[inode] ?? 0) + 1)
  const top = reserve(root)
  const waiting: Waiting[] = [{ node: root, inode: top, parent: top }]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { node, inode, parent } = folder
    const below: Waiting[] = []
    inodes.links[inode] = 2
    const names = sortNames(['.', '..', ...node.children.keys()])
    const named = Uint32Array.from(names, (name) => {
      const child = node.children.get(name)
      if (child === undefined) return name === '.' ? inode : parent
      const seen = known.get(child)
      const own = seen ?? reserve(child)
      link(own)
      if (child.type !== 'directory') return own
      if (seen !== undefined) throw failure('INTERNAL', { reason: 'a directory under two names' })
      link(inode)
      below.push({ node: child, inode: own, parent: inode })
      return own
    })
    const directory = planDirectory(names, named)
    inodes.directories.set(inode, directory)
    inodes.sizes[inode] = directory.size
    for (const next of below.toReversed()) waiting.push(next)
  }
  return inodes
}

/** The root's one among them. */
function countNames(root: ErofsDirectory): number {
  let count = 1
  const waiting = [root]
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    count += folder.children.size
    for (const child of folder.children.values()) if (child.type === 'directory') waiting.push(child)
  }
  return count
}

/** Ties go to the earlier time, so that order does not matter. */
function mostFrequentTime(nodes: readonly ErofsNode[]): bigint {
  const counts = new Map<bigint, number>()
  let last: bigint | undefined
  let run = 0
  const count = (time: bigint | undefined): void => {
    if (last !== undefined) counts.set(last, (counts.get(last) ?? 0) + run)
    last = time
    run = 0
  }
  // mostly one time after the other is the same: looking each up in the map would take longer
  for (const { mtime } of nodes) {
    if (mtime !== last) count(mtime)
    run++
  }
  count(undefined)
  let best: readonly [time: bigint, count: number] = [0n, 0]
  for (const [time, count] of counts)
    if (count > best[1] || (count === best[1] && time < best[0])) best = [time, count]
  return best[0]
}

function fitsCompact(inodes: InodeTable, inode: number, epoch: bigint): boolean {
  const node = inodes.nodes[inode]
  if (node === undefined || (inodes.links[inode] ?? 0) > 0xffff || inodes.size(inode) > 0xffff_ffff)
    return false
  return node.uid <= 0xffff && node.gid <= 0xffff && node.mtime === epoch
}

/** Bytes of the inode itself, without attributes. */
export function inodeSize(inodes: InodeTable, inode: number): number {
  return inodes.compact[inode] === 1 ? compactInodeSize : extendedInodeSize
}

/** Gives the inode its place at or after `from`; returns the position behind it and its inline data. */
function placeInode(inodes: InodeTable, inode: number, from: number): number {
  let position = alignUp(from, nidUnit)
  const head = inodeSize(inodes, inode) + inodes.xattrs(inode).length
  const tail = inlineTail(inodes, inode)
  const chunks = inodes.chunks(inode)
  if (chunks !== undefined) {
    inodes.positions[inode] = position
    return alignUp(position + head, chunkIndexSize) + chunks.count * chunkIndexSize
  }
  // The kernel reads data behind an inode only where it lies in one block.
  if (tail > 0 && ((position + head) % blockSize) + tail > blockSize) {
    const next = alignUp(position, blockSize)
    if ((head % blockSize) + tail <= blockSize) position = next
  }
  inodes.positions[inode] = position
  const fits = tail > 0 && ((position + head) % blockSize) + tail <= blockSize
  inodes.layouts[inode] = fits ? layoutInline : layoutPlain
  return position + head + (fits ? tail : 0)
}

/** Bytes that could stand behind the inode: the last part of a directory, a link's target that is shorter than a block. */
function inlineTail(inodes: InodeTable, inode: number): number {
  const size = inodes.size(inode)
  if (inodes.directories.has(inode)) return size % blockSize
  return inodes.target(inode) !== undefined && size < blockSize ? size : 0
}

/** Blocks of data of its own in the image. */
function dataBlocks(inodes: InodeTable, inode: number): number {
  if (!inodes.directories.has(inode) && inodes.target(inode) === undefined) return 0
  const blocks = inodes.size(inode) / blockSize
  return inodes.layouts[inode] === layoutInline ? Math.floor(blocks) : Math.ceil(blocks)
}
