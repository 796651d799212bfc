import { createHash } from 'node:crypto'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { fileTypes } from '../../linux/statx.ts'
import type { FileBody } from '../../store/file-body.ts'
import type { LayerTarEntry } from '../../tar/check-entry.ts'
import { failure } from '../../util/errors.ts'
import type { SourceNode, SourceTree } from './source-tree.ts'
import type { SpooledTar } from './spooled-tar.ts'

const { mask, file, directory } = fileTypes

const typeBits = {
  file,
  hardlink: file,
  directory,
  symlink: fileTypes.symlink,
  char: fileTypes.char,
  block: fileTypes.block,
  fifo: fileTypes.fifo,
} as const

/** A file up to this size is handed over as bytes instead of through a stream. */
const smallFile = 65_536
const buffer = Buffer.alloc(1024 * 1024)

interface TarNode extends SourceNode {
  readonly parent?: TarNode
  readonly member?: LayerTarEntry
  readonly path: string
  readonly children: Map<string, TarNode>
  digest?: Buffer
}

export interface TarTreeOptions {
  readonly ignore?: { readonly rules: IgnoreRules; readonly file: string }
}

/** A tar as build context (B11): its members stay where they are in the tar, links among them are never followed by the kernel. */
export class TarTree implements SourceTree {
  readonly isContext = true
  readonly root: TarNode = folderNode('', '', undefined)
  readonly #tar: SpooledTar | undefined
  readonly #options: TarTreeOptions
  readonly #sorted = new Map<TarNode, readonly TarNode[]>()

  /** Without a tar: an empty context. */
  constructor(tar: SpooledTar | undefined, options: TarTreeOptions = {}) {
    this.#tar = tar
    this.#options = options
    for (const member of tar?.entries ?? []) this.#add(member)
  }

  children(folder: SourceNode): readonly TarNode[] {
    const node = folder as TarNode
    const known = this.#sorted.get(node)
    if (known !== undefined) return known
    const sorted = [...node.children.values()]
      .filter((child) => this.#isShown(child))
      .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    this.#sorted.set(node, sorted)
    return sorted
  }

  find(folder: SourceNode, name: string): TarNode | undefined {
    const child = (folder as TarNode).children.get(name)
    return child !== undefined && this.#isShown(child) ? child : undefined
  }

  /** A file whatever the ignore file says: the Dockerfile may be hidden and still be used (B57). */
  read(path: string, limit: number): Buffer | undefined {
    let node: TarNode | undefined = this.root
    for (const part of path.split('/')) node = node?.children.get(part)
    if (node?.member === undefined || (node.mode & mask) !== file) return undefined
    if (node.size > limit)
      throw failure('BUILD_CONTEXT_INVALID', { reason: `${path} is larger than ${limit} bytes` })
    const bytes = Buffer.alloc(node.size)
    return bytes.subarray(0, this.#tar?.read(node.member, bytes, 0) ?? 0)
  }

  readLink(link: SourceNode): string {
    return (link as TarNode).member?.entry.linkTarget ?? ''
  }

  isHashed(node: SourceNode): boolean {
    return (node as TarNode).digest !== undefined
  }

  digest(node: SourceNode): Buffer {
    const found = node as TarNode
    found.digest ??= this.#hash(found)
    return found.digest
  }

  copyDigest(node: SourceNode, target: Buffer, offset: number): void {
    this.digest(node).copy(target, offset)
  }

  xattrs(node: SourceNode): ReadonlyMap<string, Uint8Array> | undefined {
    return (node as TarNode).member?.xattrs
  }

  device(node: SourceNode): { major: number; minor: number } {
    return (node as TarNode).member?.entry.device ?? { major: 0, minor: 0 }
  }

  body(node: SourceNode): FileBody {
    const { member, size } = node as TarNode
    const tar = this.#tar
    if (member === undefined || tar === undefined) return { kind: 'bytes', bytes: Buffer.alloc(0) }
    if (size > smallFile) return { kind: 'stream', open: () => tar.open(member) }
    const bytes = Buffer.alloc(size)
    tar.read(member, bytes, 0)
    return { kind: 'bytes', bytes }
  }

  /** The spooled file is the build's own: nobody changes it. */
  recheck(): void {}

  explainMissing(path: string): string | undefined {
    const { ignore } = this.#options
    const { ignored, rule } = ignore?.rules.match(path) ?? {}
    if (ignored !== true || rule === undefined || this.#node(path) === undefined) return undefined
    return `it is there, but line ${rule.line} of ${ignore?.file ?? ''} hides it: ${rule.pattern}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#tar?.[Symbol.dispose]()
    return Promise.resolve()
  }

  #node(path: string): TarNode | undefined {
    let node: TarNode | undefined = this.root
    for (const part of path.split('/')) node = node?.children.get(part)
    return node
  }

  #isShown(node: TarNode): boolean {
    const rules = this.#options.ignore?.rules
    if (rules === undefined || !rules.match(node.path).ignored) return true
    const isFolder = (node.mode & mask) === directory
    return isFolder && rules.mayContainIncluded(node.path) && this.children(node).length > 0
  }

  #add(member: LayerTarEntry): void {
    if (member.path === '') return
    const parts = member.path.split('/')
    const name = parts.pop() ?? ''
    let parent = this.root
    for (const part of parts) {
      const next = parent.children.get(part)
      // a member below something that is no folder: the later one wins, as in unpacking, but through no link
      if (next !== undefined && (next.mode & mask) === directory) parent = next
      else parent = addChild(parent, folderNode(part, parent.path, parent))
    }
    const source = member.entry.type === 'hardlink' ? this.#node(member.linkPath ?? '')?.member : member
    if (source === undefined) {
      const reason = `${member.path} is a hard link to ${member.linkPath ?? ''}, which is not in the tar before it`
      throw failure('BUILD_CONTEXT_INVALID', { reason })
    }
    const old = parent.children.get(name)
    const { entry } = source
    const mode = typeBits[entry.type] | entry.mode
    const keeps = (mode & mask) === directory && old !== undefined && (old.mode & mask) === directory
    addChild(parent, {
      name,
      path: member.path,
      parent,
      member: source,
      mode,
      uid: entry.uid,
      gid: entry.gid,
      size: entry.size,
      mtime: entry.mtime,
      children: keeps ? old.children : new Map<string, TarNode>(),
    })
  }

  #hash({ member, size }: TarNode): Buffer {
    const sum = createHash('sha256')
    if (member === undefined) return sum.digest()
    for (let at = 0; at < size;) {
      const length = this.#tar?.read(member, buffer, at) ?? 0
      if (length === 0) break
      sum.update(buffer.subarray(0, length))
      at += length
    }
    return sum.digest()
  }
}

function addChild(parent: TarNode, child: TarNode): TarNode {
  parent.children.set(child.name, child)
  return child
}

function folderNode(name: string, above: string, parent: TarNode | undefined): TarNode {
  const path = above === '' ? name : `${above}/${name}`
  const fixed = { name, path, mode: directory | 0o755, uid: 0, gid: 0, size: 0, mtime: 0n }
  return { ...fixed, children: new Map(), ...(parent === undefined ? {} : { parent }) }
}
