import type { ContextIndex, FolderRows, IndexedFolder } from './context-index.ts'
import { words, type EntryTable } from './entry-table.ts'
import type { FolderNode } from './folder-node.ts'
import { pathOf } from './source-tree.ts'

/** What an index keeps after a build: the folders that it read, and those of the index before that may still be there. */
export function rowsOfFolders(
  root: FolderNode,
  table: EntryTable,
  index: ContextIndex,
): readonly (() => FolderRows)[] {
  const read = new Map<string, FolderNode>()
  const collect = (node: FolderNode): void => {
    if (node.listing === undefined) return
    read.set(pathOf(node), node)
    for (const child of node.children ?? []) collect(child)
  }
  collect(root)
  const kept = [...index.folders].filter(([path]) => !read.has(path) && mayStillExist(path, read))
  return [
    ...[...read].map(
      ([path, node]) =>
        () =>
          readRows(path, node, table),
    ),
    ...kept.map(
      ([path, folder]) =>
        () =>
          keptRows(path, folder, index),
    ),
  ]
}

function readRows(path: string, { slot, listing }: FolderNode, table: EntryTable): FolderRows {
  const { names = [], slots = [] } = listing ?? {}
  return { path, names, rows: table.rows([slot, ...slots]) }
}

function keptRows(path: string, folder: IndexedFolder, index: ContextIndex): FolderRows {
  const { buffer, byteOffset } = index.words
  const rows = new Uint8Array(buffer, byteOffset + folder.row * 4, (folder.count + 1) * words * 4)
  return { path, names: index.names(folder), rows }
}

/** A folder this build did not read stays in the index unless a folder above it was read and lacks it. */
function mayStillExist(path: string, read: ReadonlyMap<string, FolderNode>): boolean {
  const parts = path.split('/')
  for (let depth = parts.length - 1; depth >= 0; depth--) {
    const above = read.get(parts.slice(0, depth).join('/'))
    if (above !== undefined) return above.listing?.names.includes(parts[depth] ?? '') === true
  }
  return true
}
