import { closeSync, constants, mkdirSync, rmSync } from 'node:fs'
import { dirname, join, posix } from 'node:path'
import { mkdirat, renameat2, utimensat } from '../../linux/at.ts'
import { openFolder, openat2, resolveFlags, tryOpenat2 } from '../../linux/openat2.ts'
import { removeTree } from '../../linux/remove-tree.ts'
import { findStatus, statx } from '../../linux/statx.ts'
import { failure } from '../../util/errors.ts'
import { resolveInRoot } from '../working-folder.ts'

/** What stands at a place of the root while a step runs, as a mount would show it. */
export interface Cover {
  /** As the step names it; links in it lead elsewhere inside the root. */
  readonly target: string
  /** Makes it under a name that is free in an open folder. */
  readonly make: (folder: number, name: string) => void
  /** Must be gone from the disk also when nobody is left to take the cover away. */
  readonly isSecret?: true
  /** Before it is taken away: what of it is to be kept. */
  readonly keep?: (folder: number, name: string) => void
}

interface Covered extends Cover {
  /** Below the root, no part a link. */
  readonly folder: string
  readonly name: string
  /** What was there, in the folder of what is put aside. */
  readonly aside: string | undefined
}

/**
 * Stands in for mounts where nothing can be mounted: what is at a place is put aside, something else is made there, and
 * `remove` takes that away again and brings back what was there, whatever has become of the place. Times of the folders
 * around stay as they are. `rootfs` must be a plain folder, in one that nothing else is in: aside is beside it. `secrets` are
 * the paths below it of those that are secret.
 */
export function placeCovers(
  rootfs: string,
  covers: readonly Cover[],
): { readonly secrets: readonly string[]; remove(): void } {
  const aside = join(dirname(rootfs), 'covered')
  mkdirSync(aside, { mode: 0o700 })
  const placed: Covered[] = []
  const remove = (): void => {
    withFolders(rootfs, aside, (root, store) => {
      // what lies in another one goes before that one
      for (const cover of placed.splice(0).toReversed()) takeAway(root, store, cover)
    })
    rmSync(aside, { recursive: true, force: true })
  }
  try {
    withFolders(rootfs, aside, (root, store) => {
      for (const [index, cover] of covers.toSorted(byDepth).entries())
        placed.push(place(rootfs, root, store, { cover, index }))
    })
  } catch (error) {
    remove()
    throw error
  }
  const secrets = placed
    .filter(({ isSecret }) => isSecret === true)
    .map(({ folder, name }) => posix.join(folder, name))
  return { secrets, remove }
}

function byDepth(a: Cover, b: Cover): number {
  const depth = ({ target }: Cover): number => target.split('/').filter(Boolean).length
  return depth(a) - depth(b)
}

function place(
  rootfs: string,
  root: number,
  store: number,
  { cover, index }: { readonly cover: Cover; readonly index: number },
): Covered {
  const path = resolveInRoot(rootfs, cover.target)
  const folder = posix.dirname(path).slice(1)
  const name = posix.basename(path)
  if (name === '') throw failure('MOUNT_TARGET_BLOCKED', { target: cover.target, reason: 'it is the root' })
  // inside another cover there are no stubs
  makeFolders(root, folder)
  return keepTime(root, folder, (parent) => {
    const isThere = findStatus(parent, name) !== undefined
    const aside = isThere ? String(index) : undefined
    if (aside !== undefined) renameat2(parent, name, store, aside)
    try {
      cover.make(parent, name)
    } catch (error) {
      removeTree(parent, name)
      if (aside !== undefined) renameat2(store, aside, parent, name)
      throw error
    }
    return { ...cover, folder, name, aside }
  })
}

/** Through no link: the step may have put one to a folder outside where the place was (CVE-2024-23652). */
function takeAway(root: number, store: number, { folder, name, aside, keep }: Covered): void {
  const isThere = tryOpenBeneath(root, folder)
  // the step removed all of it
  if (isThere === undefined) return
  closeSync(isThere)
  keepTime(root, folder, (parent) => {
    if (findStatus(parent, name) !== undefined) keep?.(parent, name)
    removeTree(parent, name)
    if (aside !== undefined) renameat2(store, aside, parent, name)
  })
}

function makeFolders(root: number, path: string): void {
  const parts = path.split('/').filter(Boolean)
  for (const [index, name] of parts.entries()) {
    const parent = openBeneath(root, parts.slice(0, index).join('/'))
    try {
      if (findStatus(parent, name) === undefined) mkdirat(parent, name, 0o755)
    } finally {
      closeSync(parent)
    }
  }
}

function keepTime<Result>(root: number, path: string, use: (folder: number) => Result): Result {
  const folder = openBeneath(root, path)
  try {
    const { mtime } = statx(folder, '')
    const result = use(folder)
    utimensat(folder, '.', mtime, mtime)
    return result
  } finally {
    closeSync(folder)
  }
}

const folderFlags = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW
const beneath = resolveFlags.beneath | resolveFlags.noSymlinks

function openBeneath(root: number, path: string): number {
  return openat2(root, path === '' ? '.' : path, folderFlags, beneath)
}

function tryOpenBeneath(root: number, path: string): number | undefined {
  const descriptor = tryOpenat2(root, path === '' ? '.' : path, folderFlags, beneath)
  return descriptor < 0 ? undefined : descriptor
}

function withFolders(rootfs: string, aside: string, use: (root: number, store: number) => void): void {
  const root = openFolder(rootfs)
  const store = openFolder(aside)
  try {
    use(root, store)
  } finally {
    closeSync(root)
    closeSync(store)
  }
}
