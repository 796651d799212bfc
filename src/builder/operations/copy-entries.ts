import { fileTypes } from '../../linux/statx.ts'
import type { LayerEntry } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import { applyMode, contextMode } from '../context/file-mode.ts'
import type { ListChildren } from '../context/filter-children.ts'
import type { Selected } from '../context/select-sources.ts'
import type { SourceNode, SourceTree } from '../context/source-tree.ts'
import type { InlineFile } from '../plan/step.ts'
import type { Located, LowerRoot } from './lower-root.ts'
import { CopiedFile, CopiedLink, type FileCopy } from './copied-file.ts'
import type { Owner } from './owner.ts'

const { mask, file, directory, symlink, socket } = fileTypes

export interface CopyTarget {
  readonly lower: LowerRoot
  /** Absolute path of the destination, cleaned. */
  readonly destination: string
  readonly intoFolder: boolean
  readonly owner?: Owner
  readonly chmod?: string
  /**
   * The layer is put on other files than `lower` (`--link`): it says nothing of the folders above what it brings, so that
   * those that are there keep owner and mode.
   */
  readonly standsAlone?: boolean
  /** The bodies tell the trees their digests. */
  readonly hashing?: boolean
  /** Nanoseconds: the time every entry gets; undefined keeps the sources' times. */
  readonly constantTime?: bigint
}

interface Origin extends FileCopy {
  readonly children: ListChildren
  /** Files with several names, by what `SourceTree.shared` says of them. */
  readonly names: Map<string, CopiedFile>
}

/**
 * The entries of the layer that COPY makes (B44): folders give what is in them, files go into the destination when it
 * is a folder. Nothing is written anywhere: the layer's bodies are the source files themselves.
 */
export class CopyEntries {
  readonly #target: CopyTarget
  readonly #entries: LayerEntry[] = []
  /** Those that are folders, by path. */
  readonly #folders = new Map<string, LayerEntry>()
  #sources = 0
  readonly #now = BigInt(Date.now()) * 1_000_000n

  constructor(target: CopyTarget) {
    this.#target = target
  }

  /** In the order of their making: of one path, the last stands. The layer store orders them. */
  entries(): readonly LayerEntry[] {
    // nothing but an empty folder was to be copied: that is then what the layer is for
    if (this.#entries.length === 0) return [...this.#folders.values()]
    if (this.#sources === 1 || !this.#entries.some((entry) => entry instanceof CopiedLink))
      return this.#entries
    const last = new Map(this.#entries.map((entry) => [entry.path, entry]))
    return this.#entries.map((entry) =>
      entry instanceof CopiedLink && last.get(entry.linkTarget) !== entry.target ? entry.file : entry,
    )
  }

  addTree(tree: SourceTree, { node, name, children = (folder) => tree.children(folder) }: Selected): void {
    this.#sources++
    const origin = this.#originOf(tree, children)
    if ((node.mode & mask) !== directory) {
      this.#addNode(origin, node, this.#filePath(name), true)
      return
    }
    const { path, status } = this.#target.lower.locate(this.#target.destination)
    if (status !== undefined && (status.mode & mask) !== directory) {
      throw failure('INVALID_ARGUMENT', {
        reason: `cannot copy a folder onto the file ${this.#target.destination}`,
      })
    }
    this.#parents(path)
    // made, not copied: of its source it takes the time alone, as in BuildKit
    this.#existing(path)
    const made = this.#folders.get(path)
    if (made !== undefined) this.#putMade({ ...made, ...this.#times(node.mtime) })
    this.#addChildren(origin, node, path, status !== undefined)
  }

  addInline({ name, content }: InlineFile): void {
    const bytes = Buffer.from(content)
    this.addFile(name, { mode: 0o644, size: bytes.length, body: { kind: 'bytes', bytes }, mtime: this.#now })
  }

  /** A file that is in no tree: a heredoc, a download. */
  addFile(
    name: string,
    {
      mode,
      mtime,
      size,
      body,
    }: Pick<LayerEntry, 'mode' | 'mtime'> & Required<Pick<LayerEntry, 'size' | 'body'>>,
  ): void {
    this.#sources++
    const path = this.#filePath(name)
    this.#refuseFolder(path)
    const times = this.#times(mtime)
    this.#entries.push({
      path,
      type: 'file',
      mode: this.#mode(mode),
      ...this.#owner(),
      ...times,
      size,
      body,
    })
  }

  /** A member of an archive, at `relative` below the destination; it keeps its own owner unless one was asked for. */
  addEntry(relative: string, entry: Omit<LayerEntry, 'path'>): void {
    const path = this.#locateBelow(relative)
    const times = this.#times(entry.mtime)
    const owned = { ...entry, ...times, ...this.#target.owner }
    if (entry.type === 'directory') {
      const { path: real, status } = this.#target.lower.locate(path)
      if (status !== undefined && (status.mode & mask) !== directory) this.#refuseFile(path)
      if (real !== '') this.#putFolder({ ...owned, path: real })
      return
    }
    this.#refuseFolder(path)
    if (entry.type !== 'hardlink' || entry.linkTarget === undefined) {
      this.#entries.push({ ...owned, path })
      return
    }
    this.#entries.push({ ...owned, path, linkTarget: this.#locateBelow(entry.linkTarget) })
  }

  #refuseFile(path: string): never {
    throw failure('INVALID_ARGUMENT', { reason: `cannot copy a folder onto the file /${path}` })
  }

  /** Where a member of an archive goes: links of the image on the way are followed, `..` was refused before. */
  #locateBelow(relative: string): string {
    const parent = relative.includes('/') ? relative.slice(0, relative.lastIndexOf('/')) : ''
    const name = relative.slice(parent === '' ? 0 : parent.length + 1)
    const { lower, destination } = this.#target
    const top = lower.locate(destination).path
    this.#parents(join(top, name), { mode: 0o755 })
    const folder = lower.locate(`${destination}/${parent}`).path
    // those that the archive leaves out are nobody's: `--chown` is for what is in it
    this.#parents(join(folder, name), { mode: 0o755, uid: 0, gid: 0 })
    return join(folder, name)
  }

  #filePath(name: string): string {
    const { lower, destination, intoFolder } = this.#target
    const found = lower.locate(destination)
    const isFolder = found.status !== undefined && (found.status.mode & mask) === directory
    if (intoFolder && found.status !== undefined && !isFolder) {
      throw failure('INVALID_ARGUMENT', { reason: `the destination ${destination} is not a folder` })
    }
    const inFolder = intoFolder || isFolder
    const path = inFolder ? join(found.path, name) : found.path
    if (path === '') throw failure('INVALID_ARGUMENT', { reason: 'a file cannot take the place of /' })
    this.#parents(path)
    return path
  }

  /** `mayExist` false: the image has nothing where `path` goes, so it need not be asked for each of many files. */
  #addNode(origin: Origin, node: SourceNode, path: string, mayExist: boolean): void {
    const { tree } = origin
    const type = node.mode & mask
    if (type === socket) return
    if (type === directory) {
      const { path: real, status }: Located = mayExist ? this.#target.lower.locate(path) : { path }
      if (status !== undefined && (status.mode & mask) !== directory) {
        throw failure('INVALID_ARGUMENT', { reason: `cannot copy a folder onto the file /${path}` })
      }
      if (real !== path) this.#parents(real)
      this.#addFolder(origin, node, real)
      this.#addChildren(origin, node, real, status !== undefined)
      return
    }
    if (mayExist) this.#refuseFolder(path)
    if (type === file) {
      this.#entries.push(this.#fileOf(origin, node, path))
      return
    }
    const common = { path, ...origin.ownerOf(node), ...this.#times(node.mtime) }
    const xattrs = tree.xattrs(node)
    const extra = xattrs === undefined ? {} : { xattrs }
    if (type === symlink) {
      this.#entries.push({
        ...common,
        type: 'symlink',
        mode: 0o777,
        linkTarget: tree.readLink(node),
        ...extra,
      })
    } else {
      const kind = type === fileTypes.char ? 'char' : type === fileTypes.block ? 'block' : 'fifo'
      const device = kind === 'fifo' ? {} : { device: tree.device(node) }
      this.#entries.push({
        ...common,
        type: kind,
        mode: origin.modeOf(node.mode),
        ...device,
        ...extra,
      })
    }
  }

  #addFolder({ tree, modeOf, ownerOf }: Origin, node: SourceNode, path: string): void {
    const xattrs = tree.xattrs(node)
    this.#putFolder({
      path,
      type: 'directory',
      mode: modeOf(node.mode),
      ...ownerOf(node),
      ...this.#times(node.mtime),
      ...(xattrs === undefined ? {} : { xattrs }),
    })
  }

  #addChildren(origin: Origin, node: SourceNode, path: string, mayExist: boolean): void {
    const known = mayExist || this.#hasBelow(path)
    for (const child of origin.children(node)) this.#addNode(origin, child, join(path, child.name), known)
  }

  /** Did an earlier source put something there? */
  #hasBelow(path: string): boolean {
    return this.#sources > 1 && this.#folders.has(path)
  }

  /** Folders above `path`: those of the image as they are, missing ones of root or of the owner asked for. */
  #parents(path: string, made?: MadeFolder): void {
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      if (!this.#folders.has(parent)) this.#existing(parent, made)
    }
  }

  #existing(path: string, made: MadeFolder = { mode: folderMode(this.#target.chmod) }): void {
    if (path === '' || this.#folders.has(path)) return
    const status = this.#target.lower.status(path)
    if (status !== undefined && (status.mode & mask) !== directory) {
      throw failure('INVALID_ARGUMENT', { reason: `/${path} is not a folder` })
    }
    const xattrs = this.#target.lower.xattrs(path)
    this.#putMade({
      path,
      type: 'directory',
      ...(status === undefined
        ? { ...this.#owner(), ...made }
        : { mode: status.mode & 0o7777, uid: status.uid, gid: status.gid }),
      ...this.#times(this.#now),
      ...(xattrs === undefined ? {} : { xattrs }),
    })
  }

  #refuseFolder(path: string): void {
    const status = this.#target.lower.status(path)
    const isFolder = status !== undefined && (status.mode & mask) === directory
    if (isFolder || this.#folders.has(path)) {
      throw failure('INVALID_ARGUMENT', { reason: `cannot copy a file onto the folder /${path}` })
    }
  }

  #times(mtime: bigint): Pick<LayerEntry, 'mtime' | 'localMtime'> {
    const { constantTime } = this.#target
    return constantTime === undefined ? { mtime } : { mtime: constantTime, localMtime: mtime }
  }

  #originOf(tree: SourceTree, children: ListChildren): Origin {
    const { constantTime, hashing = false } = this.#target
    const own = this.#owner()
    const keepsOwners = this.#target.owner === undefined && !tree.isContext
    const ownerOf = keepsOwners ? ({ uid, gid }: SourceNode) => ({ uid, gid }) : () => own
    const modeOf = (mode: number): number => this.#mode(mode, tree)
    return { tree, children, constantTime, hashing, ownerOf, modeOf, names: new Map() }
  }

  #fileOf(origin: Origin, node: SourceNode, path: string): LayerEntry {
    const copied = new CopiedFile(origin, node, path)
    const shared = origin.tree.shared?.(node)
    if (shared === undefined) return copied
    const first = origin.names.get(shared)
    if (first !== undefined) return new CopiedLink(first, copied)
    origin.names.set(shared, copied)
    return copied
  }

  #putFolder(entry: LayerEntry): void {
    this.#entries.push(entry)
    this.#folders.set(entry.path, entry)
  }

  /** A folder that only has to be there. */
  #putMade(entry: LayerEntry): void {
    if (this.#target.standsAlone !== true) this.#entries.push(entry)
    this.#folders.set(entry.path, entry)
  }

  /** Of what is made, not copied. */
  #owner(): Owner {
    return this.#target.owner ?? { uid: 0, gid: 0 }
  }

  #mode(mode: number, tree?: SourceTree): number {
    const { chmod } = this.#target
    const bits = tree?.isContext === true ? contextMode(mode) : mode & 0o7777
    return chmod === undefined ? bits : applyMode(chmod, (mode & mask) | bits)
  }
}

/** What a folder gets that is not there yet; else the owner is the one asked for. */
interface MadeFolder extends Partial<Owner> {
  readonly mode: number
}

/** Of folders that COPY has to make: as BuildKit, an octal `--chmod` counts for them too, under its umask of 022. */
export function folderMode(chmod: string | undefined): number {
  return chmod !== undefined && /^[0-7]+$/.test(chmod) ? Number.parseInt(chmod, 8) & 0o755 : 0o755
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
