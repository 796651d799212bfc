import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { fileTypes } from '../../linux/statx.ts'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { contextMode } from './file-mode.ts'
import type { Selected } from './select-sources.ts'
import { pathOf } from './source-tree.ts'
import type { SourceNode, SourceTree } from './source-tree.ts'

const { mask, file, directory, symlink, socket } = fileTypes

/** Collects small pieces and hashes them in large ones: tens of thousands of `update` calls would cost more than the bytes. */
class Hasher {
  readonly #hash = createHash('sha256')
  readonly #buffer = Buffer.allocUnsafe(65536)
  #length = 0

  text(value: string): void {
    // at most three bytes of UTF-8 for each unit
    if (value.length * 3 + 1 > this.#buffer.length - this.#length) this.#flush()
    if (value.length * 3 + 1 > this.#buffer.length) this.#hash.update(value)
    else this.#length += this.#buffer.write(value, this.#length)
    this.#buffer[this.#length++] = 0
  }

  bytes(value: Uint8Array): void {
    if (value.length > this.#buffer.length - this.#length) this.#flush()
    if (value.length > this.#buffer.length) {
      this.#hash.update(value)
      return
    }
    this.#buffer.set(value, this.#length)
    this.#length += value.length
  }

  fileDigest(tree: SourceTree, node: SourceNode): void {
    if (this.#buffer.length - this.#length < 32) this.#flush()
    tree.copyDigest(node, this.#buffer, this.#length)
    this.#length += 32
  }

  digest(): Digest {
    this.#flush()
    return `sha256:${this.#hash.digest('hex')}` as Digest
  }

  #flush(): void {
    this.#hash.update(this.#buffer.subarray(0, this.#length))
    this.#length = 0
  }
}

/** Visits every node below the selected ones, folders before what is in them; `path` is relative to its selection. */
export function walkSelected(
  tree: SourceTree,
  selected: readonly Selected[],
  visit: (node: SourceNode, path: string) => void,
): void {
  const walk = (node: SourceNode, path: string): void => {
    visit(node, path)
    if ((node.mode & mask) !== directory) return
    const prefix = path === '' ? '' : `${path}/`
    for (const child of tree.children(node)) walk(child, prefix + child.name)
  }
  for (const { node, name } of selected) walk(node, (node.mode & mask) === directory ? '' : name)
}

const turn = 8

/** Hashes all files not yet known by content, letting other work of this process run in between. */
export async function hashFiles(
  tree: SourceTree,
  selected: readonly Selected[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const files: SourceNode[] = []
  walkSelected(tree, selected, (node) => {
    if ((node.mode & mask) === file && !tree.isHashed(node)) files.push(node)
  })
  let begun = performance.now()
  for (const node of files) {
    tree.digest(node)
    if (performance.now() - begun < turn) continue
    await setImmediate()
    if (signal?.aborted === true) throw failure('CANCELED', {})
    begun = performance.now()
  }
}

/**
 * Digest of what COPY would take: path, mode, content, link target, device and xattrs; owners when they count.
 * No times (B71). Files should have gone through `hashFiles` before.
 */
export function contentDigest(tree: SourceTree, selected: readonly Selected[]): Digest {
  const hasher = new Hasher()
  for (const one of selected) {
    hasher.text(one.name)
    walkSelected(tree, [one], (node, path) => addNode(tree, hasher, node, path))
    hasher.text('')
  }
  return hasher.digest()
}

function addNode(tree: SourceTree, hasher: Hasher, node: SourceNode, path: string): void {
  const type = node.mode & mask
  if (type === socket) return
  hasher.text(path)
  hasher.text(describe(tree, node, type))
  if (type === file) hasher.fileDigest(tree, node)
  else if (type === symlink) hasher.text(tree.readLink(node))
  else if (type !== directory) hasher.text(JSON.stringify(tree.device(node)))
  for (const [name, value] of tree.xattrs(node) ?? []) {
    hasher.text(`${name}=${value.length}`)
    hasher.bytes(value)
  }
}

function describe(tree: SourceTree, node: SourceNode, type: number): string {
  if (tree.isContext) return `${type} ${type === symlink ? 0 : contextMode(node.mode)}`
  return `${type} ${node.mode & 0o7777} ${node.uid}:${node.gid}`
}

/** One line a file, for the kept list that a later miss is explained by: path, mode, start of the content's digest. */
export function listFiles(tree: SourceTree, selected: readonly Selected[]): Map<string, string> {
  const list = new Map<string, string>()
  walkSelected(tree, selected, (node, relative) => {
    const type = node.mode & mask
    // shown to people: as it is called in the context, not below the source word
    const path = pathOf(node)
    if (type === socket || (relative === '' && type === directory)) return
    const mode = describe(tree, node, type)
    const content =
      type === file ? tree.digest(node).toString('hex', 0, 12) : type === symlink ? tree.readLink(node) : ''
    list.set(path, `${mode} ${content}`)
  })
  return list
}
