import { closeSync, constants } from 'node:fs'
import { openat2, resolveFlags } from './openat2.ts'
import { readFolder } from './read-folder.ts'
import { fileTypes, findStatus, type FileStatus } from './statx.ts'

export interface TreeNode {
  /** Relative to the start, `/` between parts; names are byte strings (util/byte-string). */
  readonly path: string
  /** The open folder that holds it: good until the walk goes on. */
  readonly folder: number
  readonly name: string
  readonly status: FileStatus
}

interface Level {
  readonly folder: number
  readonly prefix: string
  readonly names: readonly string[]
  next: number
}

/**
 * Everything below an open folder, sorted by name, folders before what is in them. Goes down by handle and never
 * through a link, so that a tree changed meanwhile cannot lead the walk outside; without recursion, so that 2,000
 * levels cost no stack. `enter` false keeps the walk out of a folder.
 */
export function* walkTree(
  start: number,
  enter: (node: TreeNode) => boolean = () => true,
): Generator<TreeNode> {
  const levels: Level[] = [openLevel(start, '.', '')]
  try {
    for (let level = levels.at(-1); level; level = levels.at(-1)) {
      const name = level.names[level.next++]
      if (name === undefined) {
        closeSync(level.folder)
        levels.pop()
        continue
      }
      const status = findStatus(level.folder, name)
      // removed between reading the folder and now
      if (status === undefined) continue
      const node: TreeNode = { path: level.prefix + name, folder: level.folder, name, status }
      yield node
      const isFolder = (status.mode & fileTypes.mask) === fileTypes.directory
      if (isFolder && enter(node)) levels.push(openLevel(level.folder, name, `${node.path}/`))
    }
  } finally {
    for (const level of levels) closeSync(level.folder)
  }
}

function openLevel(parent: number, name: string, prefix: string): Level {
  const flags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
  const folder = openat2(parent, name, flags, resolveFlags.beneath | resolveFlags.noSymlinks)
  const names = readFolder(folder, prefix).map((entry) => entry.name)
  return { folder, prefix, names: names.sort(), next: 0 }
}
