import { hasUserXattrs } from '../../linux/xattr.ts'
import type { FilePlace } from '../../store/file-body.ts'
import type { FolderNode } from './folder-node.ts'
import type { FolderTree } from './folder-tree.ts'
import { pathOf } from './source-tree.ts'

/** A file's bytes for the layer writer. A class, as there are tens of thousands: closures for each would cost memory. */
export class FolderBody implements FilePlace {
  readonly kind = 'descriptor'
  readonly #tree: FolderTree
  readonly #file: FolderNode
  readonly wantsDigest: boolean

  constructor(tree: FolderTree, file: FolderNode, wantsDigest: boolean) {
    this.#tree = tree
    this.#file = file
    this.wantsDigest = wantsDigest
  }

  get place(): FilePlace {
    return this
  }
  get root(): number {
    return this.#tree.descriptor
  }
  get folder(): string {
    return this.#file.parent === undefined ? '' : pathOf(this.#file.parent)
  }
  get name(): string {
    return this.#file.name
  }
  get status(): Uint32Array {
    return this.#tree.status(this.#file)
  }

  open(): number {
    return this.#tree.open(this.#file)
  }

  check(descriptor: number, digest: Uint8Array | undefined): void {
    this.#tree.check(this.#file, descriptor)
    if (digest !== undefined) this.learn(digest, hasUserXattrs(descriptor))
  }

  learn(digest: Uint8Array, hasAny: boolean): void {
    this.#tree.learn(this.#file, digest, hasAny)
  }
}
