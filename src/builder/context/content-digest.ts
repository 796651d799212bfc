import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { fileTypes } from '../../linux/statx.ts'
import type { Digest } from '../../oci/digest.ts'
import { failure } from '../../util/errors.ts'
import { FileList } from '../cache/file-list.ts'
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

/** Visits the selected node and every one below it, folders before what is in them. */
export function walkSelected(tree: SourceTree, selected: Selected, visit: (node: SourceNode) => void): void {
  const { children = (folder: SourceNode) => tree.children(folder) } = selected
  const walk = (node: SourceNode): void => {
    visit(node)
    if ((node.mode & mask) === directory) for (const child of children(node)) walk(child)
  }
  walk(selected.node)
}

/** Everything that COPY would take, in one list: walking tens of thousands of nodes again for each use would be felt. */
export interface Selection {
  readonly tree: SourceTree
  readonly nodes: readonly SourceNode[]
  /** Names that the sources were selected by, with the position of the first node of each. */
  readonly starts: readonly { readonly name: string; readonly at: number }[]
}

/** Paths of nodes as a walk meets them: most are in the folder of the one before. */
function pathFinder(top?: SourceNode): (node: SourceNode) => string {
  let folder: SourceNode | undefined
  let prefix = ''
  return (node) => {
    if (node.parent === undefined || node === top) return ''
    if (node.parent !== folder) {
      folder = node.parent
      prefix = folder === top || folder.parent === undefined ? '' : `${pathOf(folder, top)}/`
    }
    return prefix + node.name
  }
}

const turn = 8

/** Walks the selected nodes and hashes all files not yet known by content, letting other work run in between. */
export async function readSelection(
  tree: SourceTree,
  selected: readonly Selected[],
  signal: AbortSignal | undefined,
): Promise<Selection> {
  const nodes: SourceNode[] = []
  const starts: { name: string; at: number }[] = []
  for (const one of selected) {
    starts.push({ name: one.name, at: nodes.length })
    walkSelected(tree, one, (node) => {
      // a socket is not something an image can hold
      if ((node.mode & mask) !== socket) nodes.push(node)
    })
  }
  let begun = performance.now()
  for (const node of nodes) {
    if ((node.mode & mask) !== file || tree.isHashed(node)) continue
    tree.digest(node)
    if (performance.now() - begun < turn) continue
    await setImmediate()
    if (signal?.aborted === true) throw failure('CANCELED', {})
    begun = performance.now()
  }
  return { tree, nodes, starts }
}

/**
 * Digest of a selection: path, mode, content, link target, device and xattrs; owners when they count. which names are one
 * file. No times (B71).
 */
export function contentDigest({ tree, nodes, starts }: Selection): Digest {
  const hasher = new Hasher()
  for (const [index, { name, at }] of starts.entries()) {
    const end = starts[index + 1]?.at ?? nodes.length
    hasher.text(`${end - at} ${name}`)
    const top = nodes[at]
    const path = pathFinder(top)
    const names = new Map<string, number>()
    for (let position = at; position < end; position++) {
      const node = nodes[position]
      if (node === undefined) continue
      const isFile = node === top && (node.mode & mask) !== directory
      addNode(tree, hasher, node, isFile ? name : path(node))
      const shared = tree.shared?.(node)
      const first = shared === undefined ? undefined : names.get(shared)
      if (first !== undefined) hasher.text(`same as ${first}`)
      else if (shared !== undefined) names.set(shared, position - at)
    }
  }
  return hasher.digest()
}

function addNode(tree: SourceTree, hasher: Hasher, node: SourceNode, path: string): void {
  const type = node.mode & mask
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

/**
 * What is kept to explain a later miss, by the path people know (from the tree's root): mode, start of the content's
 * digest or link target. Folders that were selected themselves are left out.
 */
export function listFiles(selection: Selection): FileList {
  return FileList.from(describeFiles(selection), selection.nodes.length)
}

function* describeFiles({
  tree,
  nodes,
  starts,
}: Selection): Generator<readonly [path: string, line: string], void, undefined> {
  const tops = new Set(starts.map(({ at }) => at))
  // two sources may take the same
  const seen = starts.length > 1 ? new Set<SourceNode>() : undefined
  const path = pathFinder()
  for (const [position, node] of nodes.entries()) {
    const type = node.mode & mask
    if ((type === directory && tops.has(position)) || seen?.has(node) === true) continue
    seen?.add(node)
    const content =
      type === file ? tree.digest(node).toString('hex', 0, 12) : type === symlink ? tree.readLink(node) : ''
    yield [path(node), `${describe(tree, node, type)} ${content}`]
  }
}
