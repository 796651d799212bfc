import { compileGlob, hasWildcard } from '../../dockerfile/glob.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { ListChildren } from './filter-children.ts'
import type { SourceNode, SourceTree } from './source-tree.ts'
import { isFolder, isLink } from './source-tree.ts'

/** One thing to copy: a link at the end of the source's path was followed, inside the tree. */
export interface Selected {
  readonly node: SourceNode
  /** Last part of the path it was selected by: its name in a destination folder. */
  readonly name: string
  /** What is taken of the folders; all that the tree shows when absent. */
  readonly children?: ListChildren
}

const maxLinks = 40

/**
 * What one source word of COPY or ADD names (B43): the path itself, or all matches of its wildcards, sorted.
 * `..` stops at the root (A14). Empty when there is nothing.
 */
export function selectSources(tree: SourceTree, source: string): Selected[] {
  const parts = cleanParts(source)
  const literal = resolvePath(tree, tree.root, parts)
  if (literal !== undefined) return [{ node: literal, name: parts.at(-1) ?? '' }]
  if (!hasWildcard(source)) return []
  return matchParts(tree, tree.root, parts)
}

/** What the path itself names, links followed inside the tree; nothing in it is a pattern. */
export function findPath(tree: SourceTree, path: string): SourceNode | undefined {
  return resolvePath(tree, tree.root, cleanParts(path))
}

/** `a/./b/../c` to `a`, `c`: never above the root. */
export function cleanParts(path: string): string[] {
  const parts: string[] = []
  for (const part of path.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '' && part !== '.') parts.push(part)
  }
  return parts
}

function matchParts(tree: SourceTree, folder: SourceNode, parts: readonly string[]): Selected[] {
  const [first, ...rest] = parts
  if (first === undefined) return []
  const candidates = hasWildcard(first) ? matching(tree, folder, first) : [tree.find(folder, first)]
  return candidates.flatMap((found) => {
    const node = found === undefined ? undefined : followLink(tree, found)
    if (found === undefined || node === undefined) return []
    return rest.length === 0
      ? [{ node, name: found.name }]
      : isFolder(node)
        ? matchParts(tree, node, rest)
        : []
  })
}

function matching(tree: SourceTree, folder: SourceNode, pattern: string): SourceNode[] {
  try {
    const glob = compileGlob(pattern)
    return tree.children(folder).filter(({ name }) => glob.matches(name))
  } catch (error) {
    // a bad pattern matches nothing but its literal name, which was tried before
    if (isMilleError(error, 'INVALID_ARGUMENT')) return []
    throw error
  }
}

function followLink(tree: SourceTree, node: SourceNode): SourceNode | undefined {
  return isLink(node) && node.parent !== undefined ? resolvePath(tree, node.parent, [node.name]) : node
}

/** Walks `parts` from `start` as a process with the tree's root as `/` would: links, also absolute ones, stay inside. */
function resolvePath(tree: SourceTree, start: SourceNode, parts: readonly string[]): SourceNode | undefined {
  let at = start
  let links = 0
  const todo = [...parts]
  for (let part = todo.shift(); part !== undefined; part = todo.shift()) {
    if (part === '' || part === '.') continue
    if (part === '..') {
      at = at.parent ?? at
      continue
    }
    if (!isFolder(at)) return undefined
    const next = tree.find(at, part)
    if (next === undefined) return undefined
    if (!isLink(next)) {
      at = next
      continue
    }
    if (++links > maxLinks) throw failure('PATH_LOOP', { call: 'open', path: parts.join('/') })
    const target = tree.readLink(next)
    if (target.startsWith('/')) at = tree.root
    todo.unshift(...target.split('/'))
  }
  return at
}
