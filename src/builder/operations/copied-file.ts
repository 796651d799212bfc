import type { FileBody } from '../../store/file-body.ts'
import type { LayerEntry } from '../../store/store.ts'
import type { SourceNode, SourceTree } from '../context/source-tree.ts'
import type { Owner } from './owner.ts'

/** What all files of one source have in common. */
export interface FileCopy {
  readonly tree: SourceTree
  readonly modeOf: (mode: number) => number
  readonly ownerOf: (node: SourceNode) => Owner
  /** See `CopyTarget`. */
  readonly hashing: boolean
  readonly constantTime: bigint | undefined
}

/** A file of a source in its new place. Says all else when it is asked: there are tens of thousands of them. */
export class CopiedFile implements LayerEntry {
  readonly path: string
  readonly xattrs: LayerEntry['xattrs']
  readonly #copy: FileCopy
  readonly #node: SourceNode

  constructor(copy: FileCopy, node: SourceNode, path: string) {
    this.path = path
    this.xattrs = copy.tree.xattrs(node)
    this.#copy = copy
    this.#node = node
  }

  get type(): 'file' {
    return 'file'
  }

  get mode(): number {
    return this.#copy.modeOf(this.#node.mode)
  }

  get uid(): number {
    return this.#copy.ownerOf(this.#node).uid
  }

  get gid(): number {
    return this.#copy.ownerOf(this.#node).gid
  }

  get mtime(): bigint {
    return this.#copy.constantTime ?? this.#node.mtime
  }

  get localMtime(): bigint | undefined {
    return this.#copy.constantTime === undefined ? undefined : this.#node.mtime
  }

  get size(): number {
    return this.#node.size
  }

  get body(): FileBody {
    return this.#copy.tree.body(this.#node, this.#copy.hashing)
  }
}

/** Another name of a file that was copied already. */
export class CopiedLink implements LayerEntry {
  readonly target: CopiedFile
  /** What it is when the target's path goes to another file. */
  readonly file: CopiedFile

  constructor(target: CopiedFile, file: CopiedFile) {
    this.target = target
    this.file = file
  }

  get path(): string {
    return this.file.path
  }

  get type(): 'hardlink' {
    return 'hardlink'
  }

  get linkTarget(): string {
    return this.target.path
  }

  get mode(): number {
    return this.file.mode
  }

  get uid(): number {
    return this.file.uid
  }

  get gid(): number {
    return this.file.gid
  }

  get mtime(): bigint {
    return this.file.mtime
  }

  get localMtime(): bigint | undefined {
    return this.file.localMtime
  }
}
