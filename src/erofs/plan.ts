import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { planChunks, type ChunkPlan } from './chunks.ts'
import { encodeName, planDirectory, sortNames, type DirectoryEntry, type DirectoryPlan } from './directory.ts'
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
export interface PlannedInode {
  readonly node: ErofsNode
  links: number
  readonly xattrs: Buffer
  /** Bytes of the file, of the directory's blocks, of the link's target. */
  readonly size: number
  readonly directory?: { readonly entries: readonly DirectoryEntry[]; readonly plan: DirectoryPlan }
  readonly target?: Buffer
  readonly chunks?: ChunkPlan
  compact: boolean
  position: number
  layout: number
  /** First block of data in the image; 0 when there is none. */
  dataBlock: number
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
  const known = new Map<ErofsNode, number>()
  const waiting: { readonly node: ErofsDirectory; readonly index: number; readonly parent: number }[] = []
  let chunks = 0
  const reserve = (node: ErofsNode): number => {
    known.set(node, inodes.length)
    inodes.push(plainInode(node))
    chunks += inodes.at(-1)?.chunks?.count ?? 0
    if (chunks > maxChunks)
      throw failure('LAYER_LIMIT', { what: 'chunks of sparse files', found: chunks, limit: maxChunks })
    return inodes.length - 1
  }
  waiting.push({ node: root, index: reserve(root), parent: 0 })
  for (let folder = waiting.pop(); folder !== undefined; folder = waiting.pop()) {
    const { node, index, parent } = folder
    const below: typeof waiting = []
    const entries: DirectoryEntry[] = []
    let links = 2
    for (const name of sortNames(['.', '..', ...node.children.keys()])) {
      const child = name === '.' || name === '..' ? undefined : node.children.get(name)
      const type = fileTypes[child?.type ?? 'directory'].entry
      if (child === undefined) {
        entries.push({ name: Buffer.from(name), inode: name === '.' ? index : parent, type })
        continue
      }
      const seen = known.get(child)
      if (child.type === 'directory') {
        if (seen !== undefined) throw failure('INTERNAL', { reason: 'a directory under two names' })
        links++
      }
      const inode = seen ?? reserve(child)
      if (child.type === 'directory') below.push({ node: child, index: inode, parent: index })
      else raiseLinks(inodes, inode)
      entries.push({ name: encodeName(name), inode, type })
    }
    const plan = planDirectory(entries)
    inodes[index] = { ...plainInode(node), links, size: plan.size, directory: { entries, plan } }
    for (const next of below.toReversed()) waiting.push(next)
  }
  return inodes
}

function raiseLinks(inodes: readonly PlannedInode[], index: number): void {
  const inode = inodes[index]
  if (inode !== undefined) inode.links++
}

function plainInode(node: ErofsNode): PlannedInode {
  const chunks = node.type === 'file' ? planChunks(node) : undefined
  const target = node.type === 'symlink' ? encodeBytes(node.target) : undefined
  if (target !== undefined && (target.length === 0 || target.length >= 4096))
    throw failure('INTERNAL', { reason: 'symbolic link with a target of no or too many bytes' })
  return {
    node,
    links: 0,
    xattrs: encodeXattrs(node.xattrs),
    size: node.type === 'file' ? node.size : (target?.length ?? 0),
    ...(chunks && { chunks }),
    ...(target && { target }),
    compact: false,
    position: 0,
    layout: layoutPlain,
    dataBlock: 0,
  }
}

/** Ties go to the earlier time, so that order does not matter. */
function mostFrequentTime(inodes: readonly PlannedInode[]): bigint {
  const counts = new Map<bigint, number>()
  for (const { node } of inodes) counts.set(node.mtime, (counts.get(node.mtime) ?? 0) + 1)
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
