import { basename } from 'node:path/posix'
import { readSync } from 'node:fs'
import { type ErofsFile, type ErofsRange, type ErofsTree, whiteout } from '../../erofs/tree.ts'
import { fileTypes } from '../../linux/statx.ts'
import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'
import { failure } from '../../util/errors.ts'
import type { StoredEntry, StoredRange } from '../layers/stored-entry.ts'
import type { BelowNode, LayersBelow } from './layers-below.ts'
import { parentOf } from './open-folders.ts'
import { FolderNode, type LeafNode, metadataBelow, metadataOf, plainFolder, SideBytes } from './tree-nodes.ts'

export interface LayerTreeInput {
  readonly entries: readonly StoredEntry[]
  readonly below: LayersBelow
  /** Descriptor of the layer's tar, and its bytes. */
  readonly tar: number
  readonly tarSize: number
}

/** As the kernel: path_resolution(7). */
const mostLinks = 40
const blockSize = 512

/**
 * The tree that a layer's EROFS index describes: exactly what `extractLayer` would leave in an upper folder, without
 * touching a file system. Parents that the layer does not list are taken from the layers below; links on the way are
 * followed inside the root; a hard link to a lower file brings that file into this layer.
 */
export function buildLayerTree(input: LayerTreeInput): ErofsTree {
  const builder = new TreeBuilder(input)
  for (const entry of input.entries)
    if (entry.type === 'whiteout' || entry.type === 'opaque') builder.hide(entry)
  for (const entry of input.entries)
    if (entry.type !== 'whiteout' && entry.type !== 'opaque') builder.add(entry)
  return builder.finish(input.tarSize)
}

class TreeBuilder {
  readonly #below: LayersBelow
  readonly #tar: number
  readonly #root = new FolderNode('', undefined, plainFolder, true)
  readonly #side = new SideBytes()
  readonly #folders = new Map<string, FolderNode>()

  constructor({ below, tar }: LayerTreeInput) {
    this.#below = below
    this.#tar = tar
  }

  finish(deviceSize: number): ErofsTree {
    const side = this.#side.join()
    return { root: this.#root, deviceSize, ...(side === undefined ? {} : { side }) }
  }

  /** At this time the tree is what lies below, minus what was hidden already. */
  hide(entry: StoredEntry): void {
    if (entry.type === 'opaque') {
      const real = this.#below.resolveFolder(entry.path)
      if (real === undefined) return
      for (const name of real === '' ? this.#below.names('') : []) this.#hideName(this.#root, name)
      const folder = real === '' ? undefined : this.#materialize(real)
      if (folder === undefined) return
      folder.opaque = true
      folder.merges = false
      folder.children.clear()
      return
    }
    const real = this.#below.resolveFolder(parentOf(entry.path))
    const name = basename(entry.path)
    if (real === undefined || this.#below.find(real === '' ? name : `${real}/${name}`) === undefined) return
    const folder = this.#materialize(real)
    if (folder !== undefined) this.#hideName(folder, name)
  }

  #hideName(folder: FolderNode, name: string): void {
    if (folder.merges !== false) folder.children.set(name, whiteout)
  }

  /** The folder at a path that is a folder below; undefined when it is hidden already. */
  #materialize(path: string): FolderNode | undefined {
    let folder = this.#root
    for (const name of path === '' ? [] : path.split('/')) {
      const child = folder.children.get(name)
      if (child === undefined && folder.merges === false) return undefined
      const next = child ?? this.#copyBelow(folder, name)
      if (!(next instanceof FolderNode)) return undefined
      folder = next
    }
    return folder
  }

  add(entry: StoredEntry): void {
    if (entry.path === '') {
      this.#root.metadata = metadataOf(entry)
      return
    }
    const { path } = entry
    const parent = this.#makeFolder(parentOf(path))
    // a part of a string keeps the whole of it
    const name = decodeBytes(encodeBytes(basename(path)))
    if (entry.type === 'directory') this.#addFolder(parent, name, entry)
    else this.#put(parent, name, entry.type === 'hardlink' ? this.#linked(entry) : this.#leaf(entry))
  }

  #addFolder(parent: FolderNode, name: string, entry: StoredEntry): void {
    const existing = parent.children.get(name)
    if (existing instanceof FolderNode) {
      existing.metadata = metadataOf(entry)
      return
    }
    const folder = new FolderNode(
      parent.childPath(name),
      parent,
      metadataOf(entry),
      parent.merges === false ? false : undefined,
    )
    this.#put(parent, name, folder)
    if (existing !== undefined) hideBelow(parent, folder)
  }

  #put(parent: FolderNode, name: string, node: FolderNode | LeafNode): void {
    const existing = parent.children.get(name)
    // paths known through a replaced folder or link lead elsewhere now
    if (existing instanceof FolderNode || existing?.type === 'symlink') this.#folders.clear()
    parent.children.set(name, node)
  }

  /** As a rule the entry itself: it has all that a node has. */
  #leaf(entry: StoredEntry): LeafNode {
    if (isOfType(entry, 'file')) return this.#file(entry)
    if (isOfType(entry, 'symlink')) return entry
    if (isOfType(entry, 'char') || isOfType(entry, 'block') || isOfType(entry, 'fifo')) return entry
    throw failure('INTERNAL', { reason: `${entry.type} is no leaf` })
  }

  #file(entry: StoredEntry & ErofsFile): ErofsFile {
    // a run that ends inside a block would bring the tar's next bytes into the file
    const isWhole = ({ at, offset, length }: StoredRange): boolean =>
      at % blockSize === 0 &&
      offset % blockSize === 0 &&
      (length % blockSize === 0 || at + length === entry.size)
    if (entry.ranges.every(isWhole)) return entry
    // an odd sparse map: whole blocks of the file, put together anew
    const ranges = blockWindows(entry).flatMap((window): ErofsRange[] => {
      const bytes = Buffer.alloc(window.to - window.from)
      for (const { at, offset, length } of window.ranges)
        if (readSync(this.#tar, bytes, at - window.from, length, offset) !== length)
          throw failure('LAYER_PATH_INVALID', { path: entry.path, reason: 'the tar ends inside its content' })
      return this.#side.add(bytes).map((range) => ({ ...range, at: window.from }))
    })
    const { mode, uid, gid, mtime, xattrs, size } = entry
    return { type: 'file', mode, uid, gid, mtime, xattrs, size, ranges }
  }

  #linked(entry: StoredEntry): LeafNode {
    const refused = (): Error => failure('LAYER_LINK_TARGET', { path: entry.path, target: entry.linkTarget })
    const parent = this.#walk(parentOf(entry.linkTarget), false)
    if (parent === undefined) throw refused()
    const name = basename(entry.linkTarget)
    const own = parent.children.get(name)
    if (own instanceof FolderNode || own === whiteout) throw refused()
    if (own !== undefined) return own
    const found = this.#lookBelow(parent, name)
    if (found === undefined || found.type === fileTypes.directory) throw refused()
    const leaf = this.#leafBelow(parent.childPath(name), found)
    parent.children.set(name, leaf)
    return leaf
  }

  #leafBelow(path: string, below: BelowNode): LeafNode {
    const metadata = metadataBelow(below)
    const { size, major, minor } = below.status
    switch (below.type) {
      case fileTypes.file:
        return {
          type: 'file',
          ...metadata,
          size,
          ranges: this.#side.add(this.#below.readFile(path, size)),
        }
      case fileTypes.symlink:
        return { type: 'symlink', ...metadata, linkTarget: this.#below.readTarget(path) }
      case fileTypes.fifo:
        return { type: 'fifo', ...metadata, major: 0, minor: 0 }
      default:
        return {
          type: below.type === fileTypes.char ? 'char' : 'block',
          ...metadata,
          major,
          minor,
        }
    }
  }

  #makeFolder(path: string): FolderNode {
    const known = this.#folders.get(path)
    if (known !== undefined) return known
    const folder = this.#walk(path, true)
    if (folder === undefined) throw failure('LAYER_PATH_NOT_DIRECTORY', { path })
    this.#folders.set(path, folder)
    return folder
  }

  /** Goes down `path` as the kernel would with the root as `/`; makes what is missing, or returns undefined for it. */
  #walk(path: string, make: boolean): FolderNode | undefined {
    let folder = this.#root
    let links = 0
    const parts = path.split('/').toReversed()
    for (let name = parts.pop(); name !== undefined; name = parts.pop()) {
      if (name === '' || name === '.') continue
      if (name === '..') {
        folder = folder.parent ?? folder
        continue
      }
      const next = this.#step(folder, name, make)
      if (next === undefined) return undefined
      if (next instanceof FolderNode) {
        folder = next
        continue
      }
      links += 1
      if (links > mostLinks) throw failure('LAYER_SYMLINK_LOOP', { path })
      if (next.linkTarget.startsWith('/')) folder = this.#root
      parts.push(...next.linkTarget.split('/').toReversed())
    }
    return folder
  }

  #step(
    folder: FolderNode,
    name: string,
    make: boolean,
  ): FolderNode | { readonly linkTarget: string } | undefined {
    const own = folder.children.get(name)
    if (own instanceof FolderNode) return own
    if (own !== undefined && own !== whiteout) {
      if (own.type === 'symlink') return own
      throw failure('LAYER_PATH_NOT_DIRECTORY', { path: folder.childPath(name) })
    }
    const below = own === undefined ? this.#lookBelow(folder, name) : undefined
    if (below?.type === fileTypes.symlink)
      return { linkTarget: this.#below.readTarget(folder.childPath(name)) }
    if (below?.type === fileTypes.directory) return this.#copyBelow(folder, name, below)
    if (below !== undefined) throw failure('LAYER_PATH_NOT_DIRECTORY', { path: folder.childPath(name) })
    if (!make) return undefined
    const made = new FolderNode(folder.childPath(name), folder, plainFolder, false)
    folder.children.set(name, made)
    if (own === whiteout) hideBelow(folder, made)
    return made
  }

  #lookBelow(folder: FolderNode, name: string): BelowNode | undefined {
    folder.merges ??= this.#below.find(folder.path)?.type === fileTypes.directory
    return folder.merges ? this.#below.find(folder.childPath(name)) : undefined
  }

  #copyBelow(folder: FolderNode, name: string, found?: BelowNode): FolderNode | undefined {
    const below = found ?? this.#lookBelow(folder, name)
    if (below === undefined || below.type !== fileTypes.directory) return undefined
    const copy = new FolderNode(folder.childPath(name), folder, metadataBelow(below), true)
    folder.children.set(name, copy)
    return copy
  }
}

function isOfType<Type extends StoredEntry['type']>(
  entry: StoredEntry,
  type: Type,
): entry is StoredEntry & { readonly type: Type } {
  return entry.type === type
}

/** A folder in place of something that hid the layers below hides them too, where there is anything to hide. */
function hideBelow(parent: FolderNode, folder: FolderNode): void {
  folder.merges = false
  folder.opaque = parent.merges !== false
}

interface BlockWindow {
  readonly from: number
  to: number
  readonly ranges: StoredRange[]
}

/** The data of a sparse file as runs of whole blocks; the last one ends with the file. */
function blockWindows({ ranges, size }: StoredEntry): BlockWindow[] {
  const windows: BlockWindow[] = []
  for (const range of ranges) {
    const from = range.at - (range.at % blockSize)
    const end = range.at + range.length
    const to = Math.min(size, end + ((blockSize - (end % blockSize)) % blockSize))
    const last = windows.at(-1)
    if (last !== undefined && from < last.to) {
      last.ranges.push(range)
      last.to = Math.max(last.to, to)
    } else windows.push({ from, to, ranges: [range] })
  }
  return windows
}
