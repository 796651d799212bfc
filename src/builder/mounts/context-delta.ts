import { fileTypes } from '../../linux/statx.ts'
import type { FileList } from '../cache/file-list.ts'
import { listFiles } from '../context/content-digest.ts'
import type { Selection } from '../context/content-digest.ts'
import type { SourceNode } from '../context/source-tree.ts'
import { isFolder, pathOf } from '../context/source-tree.ts'

const { mask, file, directory, symlink } = fileTypes

/** What turns the files of an earlier build into those of now. */
export interface ContextDelta {
  /** New and changed nodes, and the folders above them. */
  readonly nodes: ReadonlySet<SourceNode>
  /** Below the folder that is mounted; what was in a folder that is gone is not named again. */
  readonly removed: readonly string[]
}

/** More than this part of the files changed: all are written anew. */
const mostChanged = 0.25

/**
 * Compares a selection of one folder with the list that an earlier one gave (`listFiles`). Undefined when nothing is won
 * by a delta, or when the lists do not tell all: attributes, devices, a folder in the place of a file.
 */
export function contextDelta(selection: Selection, list: FileList): ContextDelta | undefined {
  const { tree, nodes: all } = selection
  const [root] = all
  if (root === undefined || !isFolder(root) || !all.every((node) => isPlain(selection, node)))
    return undefined
  const now = new Map(listFiles(selection))
  const before = new Map(list)
  const changed = all.filter((node) => {
    const path = pathOf(node)
    return node !== root && now.get(path) !== before.get(path)
  })
  const gone = [...before.keys()].filter((path) => !now.has(path))
  if (changed.length + gone.length > now.size * mostChanged) return undefined
  if (changed.some((node) => isOtherKind(before.get(pathOf(node)), node))) return undefined
  const nodes = new Set<SourceNode>()
  for (const node of changed)
    for (
      let at: SourceNode | undefined = node;
      at !== undefined && at !== root && !nodes.has(at);
      at = at.parent
    )
      nodes.add(at)
  const missing = new Set(gone)
  const skip = root === tree.root ? 0 : pathOf(root).length + 1
  const removed = gone.filter((path) => !missing.has(path.slice(0, path.lastIndexOf('/'))))
  return { nodes, removed: removed.map((path) => path.slice(skip)) }
}

function isPlain({ tree }: Selection, node: SourceNode): boolean {
  const type = node.mode & mask
  return (type === file || type === directory || type === symlink) && tree.xattrs(node) === undefined
}

/** A line of the list begins with the type. */
function isOtherKind(line: string | undefined, node: SourceNode): boolean {
  if (line === undefined) return false
  return (Number.parseInt(line, 10) === directory) !== isFolder(node)
}
