import type { TreeNode } from '../../images/images.ts'
import { shortId } from '../../oci/digest.ts'
import { humanSize } from '../../util/human-size.ts'
import { alignColumns } from '../format/align-columns.ts'

/** Images below the image they are built on, with ID and whole size. */
export function printTree(roots: readonly TreeNode[]): string {
  const lines = ['IMAGE\tIMAGE ID\tSIZE']
  const add = (node: TreeNode, before: string, mark: string, below: string): void => {
    const names = node.tags.length === 0 ? '<none>' : node.tags.join(', ')
    lines.push(`${before}${mark}${names}\t${shortId(node.id)}\t${humanSize(node.size, 3)}`)
    node.children.forEach((child, index) => {
      const isLast = index === node.children.length - 1
      add(child, before + below, isLast ? '└─ ' : '├─ ', isLast ? '   ' : '│  ')
    })
  }
  for (const root of roots) add(root, '', '', '')
  return `${alignColumns(lines.join('\n'))}\n`
}
