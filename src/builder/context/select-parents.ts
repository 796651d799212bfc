import { compileGlob } from '../../dockerfile/glob.ts'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { filterChildren } from './filter-children.ts'
import type { Selected } from './select-sources.ts'
import { cleanParts, selectSources } from './select-sources.ts'
import type { SourceTree } from './source-tree.ts'
import { isFolder } from './source-tree.ts'

/**
 * What a source of COPY --parents names (B41): its folders are kept, from the root on or from where `/./` stands in it;
 * `**` matches any depth. Links on the way are not followed. Empty when there is nothing.
 */
export function selectParents(
  tree: SourceTree,
  source: string,
  exclude: IgnoreRules | undefined,
): Selected[] {
  const pivot = source.indexOf('/./')
  const above = pivot < 0 ? '' : source.slice(0, pivot)
  const pattern = cleanParts(pivot < 0 ? source : source.slice(pivot + 3)).join('/')
  const include = pattern === '' ? {} : { include: compileGlob(pattern, { doubleStar: true }) }
  return selectSources(tree, above).flatMap(({ node, name }) => {
    if (!isFolder(node)) return []
    const exclusion = exclude === undefined ? {} : { exclude }
    const children = filterChildren(tree, node, { ...include, ...exclusion })
    return pattern !== '' && children(node).length === 0 ? [] : [{ node, name, children }]
  })
}
