import { encodeBytes } from '../util/byte-string.ts'
import { failure } from '../util/errors.ts'
import { planChunks, type ChunkPlan } from './chunks.ts'
import type { DirectoryPlan } from './directory.ts'
import { fileTypes, layoutChunks, nidUnit } from './format.ts'
import type { ErofsNode } from './tree.ts'
import { encodeXattrs } from './xattrs.ts'

const none: Buffer = Buffer.alloc(0)

/**
 * All inodes of an image, by number: what each is, and where everything of it goes. In columns: an object for each of
 * 100,000 would take four times the memory. Positions are bytes of the image.
 */
export class InodeTable {
  readonly nodes: ErofsNode[] = []
  readonly directories: Map<number, DirectoryPlan> = new Map()
  /** Bytes of the file, of the directory's blocks, of the link's target. */
  readonly sizes: Float64Array
  readonly links: Uint32Array
  readonly positions: Float64Array
  /** First block of data in the image; 0 when there is none. */
  readonly dataBlocks: Uint32Array
  readonly layouts: Uint8Array
  /** 1 for an inode in the short form. */
  readonly compact: Uint8Array
  readonly #chunkBits: Uint8Array
  readonly #chunkCounts: Uint32Array
  readonly #xattrs = new Map<number, Buffer>()
  readonly #targets = new Map<number, Buffer>()

  /** `most`: names that the tree has. */
  constructor(most: number) {
    this.sizes = new Float64Array(most)
    this.links = new Uint32Array(most)
    this.positions = new Float64Array(most)
    this.dataBlocks = new Uint32Array(most)
    this.layouts = new Uint8Array(most)
    this.compact = new Uint8Array(most)
    this.#chunkBits = new Uint8Array(most)
    this.#chunkCounts = new Uint32Array(most)
  }

  get count(): number {
    return this.nodes.length
  }

  /** Returns its number. */
  add(node: ErofsNode): number {
    const inode = this.nodes.push(node) - 1
    const xattrs = encodeXattrs(node.xattrs)
    if (xattrs.length > 0) this.#xattrs.set(inode, xattrs)
    if (node.type === 'symlink') {
      const target = encodeTarget(node.linkTarget)
      this.#targets.set(inode, target)
      this.sizes[inode] = target.length
    } else if (node.type === 'file') {
      this.sizes[inode] = node.size
      const { bits, count } = planChunks(node) ?? { bits: 0, count: 0 }
      this.#chunkBits[inode] = bits
      this.#chunkCounts[inode] = count
      if (count > 0) this.layouts[inode] = layoutChunks
    }
    return inode
  }

  size(inode: number): number {
    return this.sizes[inode] ?? 0
  }

  xattrs(inode: number): Buffer {
    return this.#xattrs.get(inode) ?? none
  }

  target(inode: number): Buffer | undefined {
    return this.#targets.get(inode)
  }

  /** Undefined for what has no data in chunks. */
  chunks(inode: number): ChunkPlan | undefined {
    const count = this.#chunkCounts[inode] ?? 0
    return count === 0 ? undefined : { bits: this.#chunkBits[inode] ?? 0, count }
  }

  nid(inode: number): number {
    return (this.positions[inode] ?? 0) / nidUnit
  }

  /** Number of its type in directory entries. */
  entryType(inode: number): number {
    return fileTypes[this.nodes[inode]?.type ?? 'file'].entry
  }
}

function encodeTarget(text: string): Buffer {
  const target = encodeBytes(text)
  if (target.length === 0 || target.length >= 4096)
    throw failure('INTERNAL', { reason: 'symbolic link with a target of no or too many bytes' })
  return target
}
