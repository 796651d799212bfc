import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { planChunks, type ChunkPlan } from './chunks.ts'
import { planDirectory, sortNames, type DirectoryPlan, type NamedInode } from './directory.ts'
import {
  alignUp,
  blockSize,
  chunkIndexSize,
  compactInodeSize,
  extendedInodeSize,
  fileTypes,
  inodesOffset,
  layoutChunks,
  layoutInline,
  layoutPlain,
  nidUnit,
} from './format.ts'
import type { ErofsDirectory, ErofsNode, ErofsTree } from './tree.ts'
import { encodeXattrs } from './xattrs.ts'

/** One inode: what it is, and where everything of it goes. Positions are bytes of the image. */
export class PlannedInode implements NamedInode {
  readonly node: ErofsNode
  readonly xattrs: Buffer
  readonly target: Buffer | undefined
  readonly chunks: ChunkPlan | undefined
  directory: DirectoryPlan | undefined
  /** Bytes of the file, of the directory's blocks, of the link's target. */
  size: number
  links = 0
  compact = false
  position = 0
  layout: number = layoutPlain
  /** First block of data in the image; 0 when there is none. */
  dataBlock = 0

  constructor(node: ErofsNode) {
    this.node = node
    this.xattrs = encodeXattrs(node.xattrs)
    this.target = node.type === 'symlink' ? encodeTarget(node.linkTarget) : undefined
    this.chunks = node.type === 'file' ? planChunks(node) : undefined
    this.directory = undefined
    this.size = node.type === 'file' ? node.size : (this.target?.length ?? 0)
  }

  get nid(): number {
    return this.position / nidUnit
  }

  get entryType(): number {
    return fileTypes[this.node.type].entry
  }
}

function encodeTarget(text: string): Buffer {
  const target = encodeBytes(text)
  if (target.length === 0 || target.length >= 4096)
    throw failure('INTERNAL', { reason: 'symbolic link with a target of no or too many bytes' })
  return target
}

export interface ImagePlan {
  readonly inodes: readonly PlannedInode[]
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
  const epoch = mostFrequentTime(inodes)
  for (const inode of inodes) inode.compact = fitsCompact(inode, epoch)
  let position = inodesOffset
  for (const inode of inodes) position = placeInode(inode, position)
  let block = Math.ceil(position / blockSize)
  for (const inode of inodes) {
    const blocks = dataBlocks(inode)
    if (blocks === 0) continue
    inode.dataBlock = block
    block += blocks
  }
  const sideBlock = block
  return { inodes, epoch, sideBlock, blocks: block + Math.ceil((tree.side?.length ?? 0) / blockSize) }
}

/** All inodes, the root first (its number has 16 bits on disk), folders with what is in them; no recursion: depth is the image's. */
function collectInodes(root: ErofsDirectory): PlannedInode[] {
  const inodes: PlannedInode[] = []
  const known = new Map<ErofsNode, PlannedInode>()
  const waiting: {
    readonly node: ErofsDirectory
    readonly inode: PlannedInode
    readonly parent: PlannedInode
  }[] = []
  let chunks = 0
  const reserve = (node: ErofsNode): PlannedInode => {
    const inode = new PlannedInode(node)
    known.set(node, inode)
    inodes.push(inode)
    chunks += inode.chunks?.count ?? 0
    if (chunks > maxChunks)
      throw failure('LAYER_LIMIT', { what: 'chunks of sparse files', found: chunks, limit: maxChunks })
    return inode
  }
  const top = reserve(root)
  waiting.push({ node: root, inode: top, parent: top })
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { node, inode, parent } = folder
    const below: typeof waiting = []
    inode.links = 2
    const names = sortNames(['.', '..', ...node.children.keys()])
    const named = names.map((name): PlannedInode => {
      const child = node.children.get(name)
      if (child === undefined) return name === '.' ? inode : parent
      const seen = known.get(child)
      const own = seen ?? reserve(child)
      own.links++
      if (child.type !== 'directory') return own
      if (seen !== undefined) throw failure('INTERNAL', { reason: 'a directory under two names' })
      inode.links++
      below.push({ node: child, inode: own, parent: inode })
      return own
    })
    inode.directory = planDirectory(names, named)
    inode.size = inode.directory.size
    for (const next of below.toReversed()) waiting.push(next)
  }
  return inodes
}

/** Ties go to the earlier time, so that order does not matter. */
function mostFrequentTime(inodes: readonly PlannedInode[]): bigint {
  const counts = new Map<bigint, number>()
  let last: bigint | undefined
  let run = 0
  const count = (time: bigint | undefined): void => {
    if (last !== undefined) counts.set(last, (counts.get(last) ?? 0) + run)
    last = time
    run = 0
  }
  // mostly one time after the other is the same: looking each up in the map would take longer
  for (const { node } of inodes) {
    if (node.mtime !== last) count(node.mtime)
    run++
  }
  count(undefined)
  let best: readonly [time: bigint, count: number] = [0n, 0]
  for (const [time, count] of counts)
    if (count > best[1] || (count === best[1] && time < best[0])) best = [time, count]
  return best[0]
}

function fitsCompact({ node, links, size }: PlannedInode, epoch: bigint): boolean {
  const small = node.uid <= 0xffff && node.gid <= 0xffff && links <= 0xffff && size <= 0xffff_ffff
  return small && node.mtime === epoch
}

/** Gives the inode its place at or after `from`; returns the position behind it and its inline data. */
function placeInode(inode: PlannedInode, from: number): number {
  let position = alignUp(from, nidUnit)
  const head = (inode.compact ? compactInodeSize : extendedInodeSize) + inode.xattrs.length
  const tail = inlineTail(inode)
  if (inode.chunks !== undefined) {
    inode.layout = layoutChunks
    inode.position = position
    return alignUp(position + head, chunkIndexSize) + inode.chunks.count * chunkIndexSize
  }
  // The kernel reads data behind an inode only where it lies in one block.
  if (tail > 0 && ((position + head) % blockSize) + tail > blockSize) {
    const next = alignUp(position, blockSize)
    if ((head % blockSize) + tail <= blockSize) position = next
  }
  inode.position = position
  const fits = tail > 0 && ((position + head) % blockSize) + tail <= blockSize
  inode.layout = fits ? layoutInline : layoutPlain
  return position + head + (fits ? tail : 0)
}

/** Bytes that could stand behind the inode: the last part of a directory, a link's target that is shorter than a block. */
function inlineTail({ directory, target, size }: PlannedInode): number {
  if (directory !== undefined) return size % blockSize
  return target !== undefined && size < blockSize ? size : 0
}

/** Blocks of data of its own in the image. */
function dataBlocks({ directory, target, layout, size }: PlannedInode): number {
  if (directory === undefined && target === undefined) return 0
  return layout === layoutInline ? Math.floor(size / blockSize) : Math.ceil(size / blockSize)
}
