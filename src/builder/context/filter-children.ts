import type { Glob } from '../../dockerfile/glob.ts'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import type { SourceNode, SourceTree } from './source-tree.ts'
import { isFolder, pathOf } from './source-tree.ts'

/** What COPY takes of a folder; patterns see paths relative to it. */
export interface TreeFilter {
  /** `--parents`: what matches, and all below it. */
  readonly include?: Glob
  /** `--exclude`: left out even when included. */
  readonly exclude?: IgnoreRules
}

/** Lists what is taken of a folder's entries, sorted by name. */
export type ListChildren = (folder: SourceNode) => readonly SourceNode[]

/** `tree.children` below the folder `base`, without what the filter leaves out; folders that nothing is taken of go too. */
export function filterChildren(tree: SourceTree, base: SourceNode, filter: TreeFilter): ListChildren {
  const skip = base.parent === undefined ? 0 : pathOf(base).length + 1
  const known = new Map<SourceNode, readonly SourceNode[]>()
  const list = (folder: SourceNode): readonly SourceNode[] => {
    const kept = known.get(folder) ?? tree.children(folder).filter(isKept)
    known.set(folder, kept)
    return kept
  }
  const isKept = (node: SourceNode): boolean => {
    const path = pathOf(node).slice(skip)
    const isIncluded = filter.include?.matchesWithParents(path) ?? true
    const isExcluded = filter.exclude?.match(path).ignored ?? false
    if (isIncluded && !isExcluded) return true
    if (!isFolder(node)) return false
    if (!isIncluded && filter.include?.mayMatchBelow(path) !== true) return false
    if (isExcluded && filter.exclude?.mayContainIncluded(path) !== true) return false
    return list(node).length > 0
  }
  return list
}
