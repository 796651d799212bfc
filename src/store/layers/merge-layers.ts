import type { WritableEntry } from './layer-writer.ts'
import { noXattrs, type StoredEntry } from './stored-entry.ts'

/** An entry as the tar has it, with the time that only this machine knows beside it. */
export type MergeEntry = StoredEntry & { readonly localMtime?: bigint }

export interface MergeLayer {
  readonly tar: string
  readonly entries: readonly MergeEntry[]
}

/** What a name stands for; names that are hard links of each other share one. */
type Inode = Omit<WritableEntry, 'path'>

/**
 * The entries of one layer that does to what lies below what `layers`, bottom first, do one after the other. What a
 * lower one hid stays hidden, unless it is made again. Paths are taken as written: links on the way are not followed.
 */
export function mergeLayers(layers: readonly MergeLayer[]): WritableEntry[] {
  const merge = new Merge()
  for (const { tar, entries } of layers) {
    // first what the layer hides of those below it: its own files are not meant
    for (const entry of entries) if (entry.type === 'whiteout' || entry.type === 'opaque') merge.hide(entry)
    for (const entry of entries)
      if (entry.type !== 'whiteout' && entry.type !== 'opaque') merge.add(entry, tar)
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

  add(entry: MergeEntry, tar: string): void {
    const before = this.#nodes.get(entry.path)
    const hid = this.#hidden.delete(entry.path)
    if (entry.type === 'directory') {
      // a folder in place of what hid the layers below hides them still
      if (hid || (before !== undefined && before.type !== 'directory')) this.#opaque.add(entry.path)
    } else {
      if (before?.type === 'directory') this.#removeBelow(entry.path)
      this.#opaque.delete(entry.path)
    }
    const linked = entry.type === 'hardlink' ? this.#nodes.get(entry.linkTarget) : undefined
    this.#nodes.set(entry.path, linked ?? toInode(entry, tar))
  }

  finish(): WritableEntry[] {
    const first = new Map<Inode, string>()
    const entries: WritableEntry[] = []
    for (const path of [...this.#nodes.keys()].sort()) {
      const inode = this.#nodes.get(path)
      if (inode === undefined) continue
      const known = first.get(inode)
      if (known === undefined) first.set(inode, path)
      const { body: _, size: __, ...shared } = inode
      entries.push(
        known === undefined ? { ...inode, path } : { ...shared, path, type: 'hardlink', linkTarget: known },
      )
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

function toInode(entry: MergeEntry, tar: string): Inode {
  const { type, mode, uid, gid, mtime, localMtime, size, linkTarget, major, minor, xattrs, ranges } = entry
  return {
    type,
    mode,
    uid,
    gid,
    mtime,
    ...(localMtime === undefined ? {} : { localMtime }),
    ...(type === 'file' ? { size, body: { kind: 'ranges', tar, ranges } as const } : {}),
    ...(linkTarget === '' ? {} : { linkTarget }),
    ...(type === 'char' || type === 'block' ? { device: { major, minor } } : {}),
    ...(xattrs.size === 0 ? {} : { xattrs }),
  }
}
