import type { RangeBody, WritableEntry } from './layer-writer.ts'
import { noXattrs, type StoredEntry } from './stored-entry.ts'

export interface MergeLayer {
  readonly tar: string
  readonly entries: readonly StoredEntry[]
  /** Times (nanoseconds) that the tar itself has, by position: where entries have those that only this machine knows. */
  readonly tarTimes?: ((position: number) => bigint) | undefined
}

/** What a name stands for; names that are hard links of each other share one. */
interface Inode {
  readonly entry: StoredEntry
  readonly tar: string
  readonly mtime: bigint
  /** The first of its names. */
  path?: string
}

/**
 * The entries of one layer that does to what lies below what `layers`, bottom first, do one after the other. What a
 * lower one hid stays hidden, unless it is made again. Paths are taken as written: links on the way are not followed.
 */
export function mergeLayers(layers: readonly MergeLayer[]): WritableEntry[] {
  const merge = new Merge()
  for (const { tar, entries, tarTimes } of layers) {
    // first what the layer hides of those below it: its own files are not meant
    for (const entry of entries) if (entry.type === 'whiteout' || entry.type === 'opaque') merge.hide(entry)
    for (const [position, entry] of entries.entries()) {
      if (entry.type === 'whiteout' || entry.type === 'opaque') continue
      merge.add({ entry, tar, mtime: tarTimes?.(position) ?? entry.mtime })
    }
  }
  return merge.finish()
}

class Merge {
  readonly #nodes = new Map<string, Inode>()
  readonly #hidden = new Set<string>()
  readonly #opaque = new Set<string>()

  hide({ type, path }: StoredEntry): void {
    this.#removeBelow(path)
    if (type === 'opaque') {
      this.#opaque.add(path)
      return
    }
    this.#nodes.delete(path)
    this.#hidden.add(path)
    this.#opaque.delete(path)
  }

  add(inode: Inode): void {
    const { path, type, linkTarget } = inode.entry
    const before = this.#nodes.get(path)?.entry.type
    const hid = this.#hidden.delete(path)
    if (type === 'directory') {
      // a folder in place of what hid the layers below hides them still
      if (hid || (before !== undefined && before !== 'directory')) this.#opaque.add(path)
    } else {
      if (before === 'directory') this.#removeBelow(path)
      this.#opaque.delete(path)
    }
    const linked = type === 'hardlink' ? this.#nodes.get(linkTarget) : undefined
    this.#nodes.set(path, linked ?? inode)
  }

  finish(): WritableEntry[] {
    const entries: WritableEntry[] = []
    for (const path of [...this.#nodes.keys()].sort()) {
      const inode = this.#nodes.get(path)
      if (inode === undefined) continue
      entries.push(inode.path === undefined ? new MergedEntry(inode, path) : linkTo(inode, inode.path, path))
      inode.path ??= path
    }
    for (const path of this.#hidden) entries.push(marker(path, 'whiteout'))
    for (const path of this.#opaque) entries.push(marker(path, 'opaque'))
    return entries
  }

  /** Everything inside a folder goes, and what was hidden inside needs no marker any more. */
  #removeBelow(path: string): void {
    const prefix = path === '' ? '' : `${path}/`
    for (const names of [this.#nodes, this.#hidden, this.#opaque])
      for (const known of names.keys()) if (known !== path && known.startsWith(prefix)) names.delete(known)
  }
}

function marker(path: string, type: 'whiteout' | 'opaque'): WritableEntry {
  return { path, type, mode: 0, uid: 0, gid: 0, mtime: 0n, xattrs: noXattrs }
}

function linkTo({ entry, mtime }: Inode, target: string, path: string): WritableEntry {
  const { mode, uid, gid, xattrs } = entry
  return { path, type: 'hardlink', mode, uid, gid, mtime, xattrs, linkTarget: target }
}

/** Says all of its inode when it is asked: there may be hundreds of thousands. */
class MergedEntry implements WritableEntry {
  readonly path: string
  readonly #inode: Inode

  constructor(inode: Inode, path: string) {
    this.path = path
    this.#inode = inode
  }

  get type(): WritableEntry['type'] {
    return this.#inode.entry.type
  }

  get mode(): number {
    return this.#inode.entry.mode
  }

  get uid(): number {
    return this.#inode.entry.uid
  }

  get gid(): number {
    return this.#inode.entry.gid
  }

  get mtime(): bigint {
    return this.#inode.mtime
  }

  get localMtime(): bigint | undefined {
    const { isLocalTime, mtime } = this.#inode.entry
    return isLocalTime === true ? mtime : undefined
  }

  get size(): number {
    return this.#inode.entry.size
  }

  get body(): RangeBody | undefined {
    const { tar, entry } = this.#inode
    return entry.type === 'file' ? { kind: 'ranges', tar, ranges: entry.ranges } : undefined
  }

  get linkTarget(): string | undefined {
    const { linkTarget } = this.#inode.entry
    return linkTarget === '' ? undefined : linkTarget
  }

  get device(): WritableEntry['device'] {
    const { type, major, minor } = this.#inode.entry
    return type === 'char' || type === 'block' ? { major, minor } : undefined
  }

  get xattrs(): ReadonlyMap<string, Uint8Array> {
    return this.#inode.entry.xattrs
  }
}
