import type { ErofsDirectory, ErofsExtent, ErofsNode } from '../../erofs/tree.ts'
import { whiteout } from '../../erofs/tree.ts'
import type { StoredEntry } from '../layers/stored-entry.ts'
import type { BelowNode } from './layers-below.ts'

type Metadata = Pick<ErofsDirectory, 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs'>

/** A folder while the tree is being built. */
export class FolderNode {
  readonly path: string
  readonly parent: FolderNode | undefined
  readonly children: Map<string, FolderNode | LeafNode> = new Map()
  metadata: Metadata
  /** Hides what the layers below have here. */
  opaque: boolean
  /** Can something of the layers below show through? Undefined when that has not been looked up. */
  merges: boolean | undefined

  constructor(path: string, parent: FolderNode | undefined, metadata: Metadata, merges: boolean | undefined) {
    this.path = path
    this.parent = parent
    this.metadata = metadata
    this.merges = merges
    this.opaque = false
  }

  childPath(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`
  }
}

/** Anything but a folder. Hard links are one LeafNode under several names. */
export interface LeafNode {
  readonly node: Exclude<ErofsNode, ErofsDirectory>
}

/** Hides a name of the layers below. */
export const whiteoutLeaf: LeafNode = { node: whiteout }

/** What nobody described: a folder that is needed on the way. */
export const plainFolder: Metadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0n }

export function metadataOf(entry: StoredEntry): Metadata {
  const { mode, uid, gid, mtime, xattrs } = entry
  return { mode, uid, gid, mtime, ...(xattrs.size === 0 ? {} : { xattrs }) }
}

export function metadataBelow({ status, xattrs }: BelowNode): Metadata {
  const { mode, uid, gid, mtime } = status
  return { mode: mode & 0o7777, uid, gid, mtime, ...(xattrs.size === 0 ? {} : { xattrs }) }
}

const opaqueXattr = 'trusted.overlay.opaque'
const yes = Buffer.from('y')

/** The finished form; a leaf under several names stays one object. */
export function finishFolder(folder: FolderNode): ErofsDirectory {
  const children = new Map<string, ErofsNode>()
  for (const [name, child] of folder.children)
    children.set(name, child instanceof FolderNode ? finishFolder(child) : child.node)
  if (!folder.opaque) return { type: 'directory', ...folder.metadata, children }
  const xattrs = new Map(folder.metadata.xattrs ?? []).set(opaqueXattr, yes)
  return { type: 'directory', ...folder.metadata, xattrs, children }
}

/** Bytes that the kernel cannot address in the tar, gathered for the side blob: each piece starts at a block. */
export class SideBytes {
  readonly #pieces: Buffer[] = []
  #size = 0

  add(bytes: Buffer): ErofsExtent[] {
    if (bytes.length === 0) return []
    const at = this.#size
    const padding = (512 - (bytes.length % 512)) % 512
    this.#pieces.push(bytes, Buffer.alloc(padding))
    this.#size += bytes.length + padding
    return [{ offset: 0, length: bytes.length, source: 'side', at }]
  }

  /** Undefined when there are none. */
  join(): Buffer | undefined {
    return this.#size === 0 ? undefined : Buffer.concat(this.#pieces)
  }
}
