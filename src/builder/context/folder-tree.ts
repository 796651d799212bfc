import { closeSync, constants, readSync } from 'node:fs'
import { createHash, hash } from 'node:crypto'
import { join } from 'node:path'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { readlinkat } from '../../linux/at.ts'
import { openFolder, openFlags, resolveFlags, tryOpenat, tryOpenat2 } from '../../linux/openat2.ts'
import { readFolder } from '../../linux/read-folder.ts'
import { fileTypes, findStatus } from '../../linux/statx.ts'
import { systemFailure } from '../../linux/system-failure.ts'
import type { FileBody } from '../../store/file-body.ts'
import type { Digest } from '../../oci/digest.ts'
import { sha256 } from '../../oci/digest.ts'
import { decodeBytes } from '../../util/byte-string.ts'
import { failure } from '../../util/errors.ts'
import type { Checkout } from './checkout.ts'
import type { ContextIndex } from './context-index.ts'
import { emptyIndex, loadContextIndex, saveContextIndex } from './context-index.ts'
import { EntryTable, row, rowFlags, words } from './entry-table.ts'
import { hasUserXattrs } from '../../linux/xattr.ts'
import { readXattrs } from './file-xattrs.ts'
import { FolderBody } from './folder-body.ts'
import { FolderNode } from './folder-node.ts'
import { rowsOfFolders } from './folder-rows.ts'
import { UnchangedRows } from './unchanged-rows.ts'
import { pathOf } from './source-tree.ts'
import type { SourceNode, SourceTree } from './source-tree.ts'

export interface FolderTreeOptions {
  /** Hides what it matches. */
  readonly ignore?: { readonly rules: IgnoreRules; readonly file: string }
  /** File of the index; without one nothing is remembered. */
  readonly indexFile?: string
  /** False for the files of a stage or image: owners, modes and all xattrs count there. */
  readonly isContext: boolean
  /** The files are seen as this copy of them has them. */
  readonly checkout?: Checkout | undefined
}

const { mask, directory } = fileTypes
/** Of one folder: a Dockerfile has as many as it has COPYs. */
const keptSelections = 256
const beneath = resolveFlags.beneath | resolveFlags.noSymlinks
const buffer = Buffer.alloc(1024 * 1024)

/**
 * A folder of this machine as a source of COPY. Every open goes down from the root by handle and through no link, so
 * that a context changed meanwhile cannot lead outside (C-B4). Folders are read when they are first asked for.
 */
export class FolderTree implements SourceTree {
  readonly root: FolderNode
  readonly isContext: boolean
  readonly #path: string
  readonly #folder: number
  readonly #table: EntryTable
  readonly #index: ContextIndex
  readonly #options: FolderTreeOptions
  /** Milliseconds: when reading began; what changed just before may change again unseen. */
  readonly #begun = Date.now()
  /** Rows differ from those of the index. */
  #changed = false
  #isWorthSaving = false
  #unchanged: UnchangedRows | undefined
  /** Digests found by reading in this build. */
  readonly #selections = new Map<Digest, Digest>()
  /** The folder that files were opened in last: most are opened in the order of their folders. */
  #parent: { readonly node: FolderNode; readonly descriptor: number } | undefined

  constructor(path: string, options: FolderTreeOptions) {
    this.#path = path
    this.#options = options
    this.isContext = options.isContext
    this.#folder = openFolder(path)
    this.#index = options.indexFile === undefined ? emptyIndex : loadContextIndex(options.indexFile)
    this.#table = new EntryTable(Math.ceil(this.#index.words.length / words), options.checkout)
    this.root = new FolderNode(this.#table, '', this.#table.addStatus(this.#folder, '') ?? 0)
  }

  children(folder: SourceNode): readonly FolderNode[] {
    const node = folder as FolderNode
    node.children ??= (node.mode & mask) === directory ? this.#read(node) : []
    return node.children
  }

  find(folder: SourceNode, name: string): FolderNode | undefined {
    return this.children(folder).find((child) => child.name === name)
  }

  readLink(link: SourceNode): string {
    return decodeBytes(readlinkat(this.#parentOf(link as FolderNode), link.name))
  }

  digest(file: SourceNode): Buffer {
    const { slot } = file as FolderNode
    if (!this.#table.hasFlag(slot, rowFlags.digest)) this.#hash(file as FolderNode)
    return this.#table.digest(slot)
  }

  isHashed(file: SourceNode): boolean {
    return this.#table.hasFlag((file as FolderNode).slot, rowFlags.digest)
  }

  copyDigest(file: SourceNode, target: Buffer, offset: number): void {
    if (!this.isHashed(file)) this.#hash(file as FolderNode)
    this.#table.copyDigest((file as FolderNode).slot, target, offset)
  }

  shared(file: SourceNode): string | undefined {
    const { slot } = file as FolderNode
    if (this.isContext || !this.#table.hasFlag(slot, rowFlags.linked)) return undefined
    // size and times beside the inode: one of another file system may have the same number
    return this.#table.status(slot).join()
  }

  xattrs(node: SourceNode): ReadonlyMap<string, Uint8Array> | undefined {
    const { slot } = node as FolderNode
    const isFile = (node.mode & mask) === fileTypes.file
    if (this.isContext && (!isFile || !this.#table.hasFlag(slot, rowFlags.xattrs))) return undefined
    if (!this.isContext && (node.mode & mask) === fileTypes.symlink) return undefined
    return readXattrs(join(this.#path, pathOf(node)), this.isContext)
  }

  device(node: SourceNode): { major: number; minor: number } {
    const status = findStatus(this.#parentOf(node as FolderNode), node.name)
    return { major: status?.major ?? 0, minor: status?.minor ?? 0 }
  }

  body(file: SourceNode, hashing: boolean = false): FileBody {
    return new FolderBody(this, file as FolderNode, hashing && !this.isHashed(file))
  }

  open(file: FolderNode): number {
    const flags = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW
    const descriptor = tryOpenat(this.#parentOf(file), file.name, flags)
    if (descriptor < 0) throw this.#openFailure(-descriptor, pathOf(file))
    return descriptor
  }

  #parentOf({ parent = this.root }: FolderNode): number {
    if (this.#parent?.node === parent) return this.#parent.descriptor
    this.#closeParent()
    const descriptor = this.#open(pathOf(parent), openFlags.path | constants.O_DIRECTORY)
    this.#parent = { node: parent, descriptor }
    return descriptor
  }

  #closeParent(): void {
    if (this.#parent !== undefined) closeSync(this.#parent.descriptor)
    this.#parent = undefined
  }

  /** Is the open file still what it was when its folder was read? BUILD_CONTEXT_CHANGED otherwise. */
  check(file: FolderNode, descriptor: number): void {
    if (!this.#table.isSame(file.slot, descriptor, ''))
      throw failure('BUILD_CONTEXT_CHANGED', { path: pathOf(file) })
  }

  /** Keeps what was found while `file` was open. */
  learn({ slot }: FolderNode, digest: Uint8Array, hasAny: boolean): void {
    this.#table.digest(slot).set(digest)
    this.#table.setFlag(slot, rowFlags.digest)
    if (hasAny) this.#table.setFlag(slot, rowFlags.xattrs)
    this.#changed = true
  }

  /** Of the open root. */
  get descriptor(): number {
    return this.#folder
  }

  /** See `FilePlace`. */
  status({ slot }: FolderNode): Uint32Array {
    return this.#table.status(slot)
  }

  recheck(file: SourceNode): void {
    const path = pathOf(file)
    // one call by path: another file that a link on the way leads to has another inode
    const same = this.#table.isSame((file as FolderNode).slot, this.#folder, path)
    if (!same) throw failure('BUILD_CONTEXT_CHANGED', { path })
  }

  explainMissing(path: string): string | undefined {
    const { ignore } = this.#options
    const { ignored, rule } = ignore?.rules.match(path) ?? {}
    if (ignore === undefined || ignored !== true || rule === undefined) return undefined
    const descriptor = tryOpenat2(this.#folder, path, openFlags.path | constants.O_NOFOLLOW, beneath)
    if (descriptor < 0) return undefined
    closeSync(descriptor)
    return `it is there, but line ${rule.line} of ${ignore.file} hides it: ${rule.pattern}`
  }

  remembered(key: Digest, paths: readonly (readonly string[])[]): Digest | undefined {
    const digest = this.#index.selections.get(this.#selectionKey(key))
    if (digest === undefined) return undefined
    this.#unchanged ??= new UnchangedRows(this.#folder, this.#index)
    return paths.every((parts) => this.#unchanged?.isSame(parts)) ? digest : undefined
  }

  remember(key: Digest, digest: Digest): void {
    const own = this.#selectionKey(key)
    this.#selections.set(own, digest)
    if (this.#index.selections.get(own) !== digest) this.#isWorthSaving = true
  }

  /** What a selection holds depends on what is hidden. */
  #selectionKey(key: Digest): Digest {
    const patterns = this.#options.ignore?.rules.rules.map(({ pattern }) => pattern) ?? []
    return sha256(JSON.stringify([key, patterns]))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    closeSync(this.#folder)
    this.#closeParent()
    const { indexFile } = this.#options
    if (indexFile !== undefined && (this.#changed || this.#isWorthSaving)) this.#save(indexFile)
    return Promise.resolve()
  }

  #open(path: string, flags: number): number {
    const descriptor = tryOpenat2(this.#folder, path === '' ? '.' : path, flags, beneath)
    if (descriptor >= 0) return descriptor
    throw this.#openFailure(-descriptor, path)
  }

  /** Missing, a folder that is none any more, a link that was none before. */
  #openFailure(number: number, path: string): Error {
    if (number === 2 || number === 20 || number === 40) return failure('BUILD_CONTEXT_CHANGED', { path })
    return systemFailure('open', number, join(this.#path, path))
  }

  #read(folder: FolderNode): FolderNode[] {
    const path = pathOf(folder)
    const known = this.#index.folders.get(path)
    const isKnown = known !== undefined && this.#table.adoptDigest(folder.slot, this.#index.words, known.row)
    this.#markRacy(folder.slot)
    const flags = isKnown ? openFlags.path : constants.O_RDONLY
    const descriptor = this.#open(path, flags | constants.O_DIRECTORY)
    try {
      const oldNames = known === undefined ? [] : this.#index.names(known)
      const names = isKnown ? oldNames : this.#listed(descriptor, path).sort()
      if (!isKnown) this.#changed = true
      const rowOf = rowFinder(known, oldNames, isKnown)
      return this.#readNames(folder, path, names, rowOf, descriptor)
    } finally {
      closeSync(descriptor)
    }
  }

  /** In an order that says nothing: the file system's, or its opposite. */
  #listed(descriptor: number, path: string): string[] {
    const names = readFolder(descriptor, path).map(({ name }) => name)
    return this.#options.checkout === undefined ? names : names.toReversed()
  }

  #readNames(
    folder: FolderNode,
    path: string,
    names: readonly string[],
    rowOf: (name: string, index: number) => number | undefined,
    descriptor: number,
  ): FolderNode[] {
    const children: FolderNode[] = []
    const slots: number[] = []
    const rules = this.#options.ignore?.rules
    const prefix = path === '' ? '' : `${path}/`
    for (const [index, name] of names.entries()) {
      const ignored = rules !== undefined && rules.match(prefix + name).ignored
      const old = rowOf(name, index)
      if (ignored && rules.mayContainIncluded(prefix + name) !== true) {
        slots.push(this.#hidden(old))
        continue
      }
      const slot = this.#compared(path, old) ?? this.#status(descriptor, name, old)
      // removed since the folder was read: the folder's own times will say so next time
      if (slot === undefined) {
        slots.push(this.#table.addUnknown())
        continue
      }
      slots.push(slot)
      const node = new FolderNode(this.#table, name, slot, folder)
      // an ignored folder is there only for what a later rule takes back in it
      if (!ignored || ((node.mode & mask) === directory && this.children(node).length > 0))
        children.push(node)
    }
    folder.listing = { names, slots }
    return children
  }

  /** A new row of what was compared with the index just now; folders are looked at for themselves. */
  #compared(path: string, old: number | undefined): number | undefined {
    if (old === undefined || this.#unchanged?.hasSameNames(path) !== true) return undefined
    const { words: table } = this.#index
    const isUsable = ((table[old + row.flags] ?? 0) & (rowFlags.known | rowFlags.hidden)) === rowFlags.known
    if (!isUsable || ((table[old + row.mode] ?? 0) & mask) === directory) return undefined
    return this.#table.addRow(table, old)
  }

  /** A new row of what `name` is now, with the digest of the index where it is still the same. */
  #status(descriptor: number, name: string, old: number | undefined): number | undefined {
    const slot = this.#table.addStatus(descriptor, name)
    if (slot === undefined) return undefined
    const { words: table } = this.#index
    const wasHidden = old !== undefined && ((table[old + row.flags] ?? 0) & rowFlags.hidden) !== 0
    if (old === undefined || wasHidden || !this.#table.adoptDigest(slot, table, old)) this.#changed = true
    this.#markRacy(slot)
    return slot
  }

  #hidden(old: number | undefined): number {
    const { words: table } = this.#index
    const slot = old === undefined ? this.#table.addUnknown() : this.#table.addRow(table, old)
    if (this.#table.hasFlag(slot, rowFlags.hidden)) return slot
    this.#table.setFlag(slot, rowFlags.hidden)
    this.#changed = true
    return slot
  }

  /**
   * A file changed within the clock's granularity of being looked at can change again without its times showing it
   * (git calls it racy): such rows are not trusted by the next build. File systems that keep nanoseconds tick at least
   * every 10 ms; those that keep whole seconds need two of them.
   */
  #markRacy(slot: number): void {
    const nanoseconds = this.#table.word(slot, row.ctimeNanoseconds)
    const changed = this.#table.wide(slot, row.ctime) * 1000 + nanoseconds / 1e6
    const window = nanoseconds % 1_000_000 === 0 ? 2100 : 50
    if (changed > this.#begun - window) this.#table.setFlag(slot, rowFlags.racy)
  }

  #hash(file: FolderNode): void {
    const descriptor = this.open(file)
    try {
      const digest = hashFile(descriptor)
      // compared with what was seen before the file was opened: covers a change at any moment in between
      this.check(file, descriptor)
      this.learn(file, digest, hasUserXattrs(descriptor))
    } finally {
      closeSync(descriptor)
    }
  }

  #save(file: string): void {
    // what an earlier build found of other selections is about the rows as they were
    const selections = this.#changed ? this.#selections : [...this.#index.selections, ...this.#selections]
    const folders = rowsOfFolders(this.root, this.#table, this.#index)
    saveContextIndex(file, folders, new Map([...selections].slice(-keptSelections)))
  }
}

/** Finds a name's row in the index: by position when the list is the index's own, else by name. */
function rowFinder(
  known: { readonly rows: number } | undefined,
  names: readonly string[],
  same: boolean,
): (name: string, index: number) => number | undefined {
  if (known === undefined) return () => undefined
  if (same) return (_, index) => known.rows + index * words
  const positions = new Map(names.map((name, index) => [name, known.rows + index * words]))
  return (name) => positions.get(name)
}

function hashFile(descriptor: number): Buffer {
  const first = readSync(descriptor, buffer, 0, buffer.length, null)
  if (first < buffer.length) return hash('sha256', buffer.subarray(0, first), 'buffer')
  const sum = createHash('sha256')
  for (let length = first; length > 0; length = readSync(descriptor, buffer, 0, buffer.length, null)) {
    sum.update(buffer.subarray(0, length))
  }
  return sum.digest()
}
