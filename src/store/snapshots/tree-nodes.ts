import type { ErofsDirectory, ErofsNode, ErofsRange } from '../../erofs/tree.ts'
import type { StoredEntry } from '../layers/stored-entry.ts'
import type { BelowNode } from './layers-below.ts'

const opaqueXattr = 'trusted.overlay.opaque'
const yes = Buffer.from('y')

type Metadata = Pick<ErofsDirectory, 'mode' | 'uid' | 'gid' | 'mtime' | 'xattrs'>

/** A folder of the index, while the tree is being built and when it is done. */
export class FolderNode implements ErofsDirectory {
  readonly type = 'directory'
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

  get mode(): number {
    return this.metadata.mode
  }

  get uid(): number {
    return this.metadata.uid
  }

  get gid(): number {
    return this.metadata.gid
  }

  get mtime(): bigint {
    return this.metadata.mtime
  }

  get xattrs(): Metadata['xattrs'] {
    return this.opaque ? new Map(this.metadata.xattrs).set(opaqueXattr, yes) : this.metadata.xattrs
  }

  childPath(name: string): string {
    return this.path === '' ? name : `${this.path}/${name}`
  }
}

/** Anything but a folder. Hard links are one node under several names. */
export type LeafNode = Exclude<ErofsNode, ErofsDirectory>

/** What nobody described: a folder that is needed on the way. */
export const plainFolder: Metadata = { mode: 0o755, uid: 0, gid: 0, mtime: 0n }

export function metadataOf(entry: StoredEntry): Metadata {
  const { mode, uid, gid, mtime, xattrs } = entry
  return { mode, uid, gid, mtime, xattrs }
}

export function metadataBelow({ status, xattrs }: BelowNode): Metadata {
  const { mode, uid, gid, mtime } = status
  return { mode: mode & 0o7777, uid, gid, mtime, xattrs }
}

/** Bytes that the kernel cannot address in the tar, gathered for the side blob: each piece starts at a block. */
export class SideBytes {
  readonly #pieces: Buffer[] = []
  #size = 0

  add(bytes: Buffer): ErofsRange[] {
    if (bytes.length === 0) return []
    const offset = this.#size
    const padding = (512 - (bytes.length % 512)) % 512
    this.#pieces.push(bytes, Buffer.alloc(padding))
    this.#size += bytes.length + padding
    return [{ at: 0, length: bytes.length, offset, isSide: true }]
  }

  /** Undefined when there are none. */
  join(): Buffer | undefined {
    return this.#size === 0 ? undefined : Buffer.concat(this.#pieces)
  }
}
