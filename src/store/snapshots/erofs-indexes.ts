import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isIntactErofs } from '../../erofs/check-erofs.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { DiffId } from '../../oci/digest.ts'

/** Where the index `key` lies, a diff ID's digits with or without the chain's behind. */
export function indexPath(folder: string, key: string): string {
  return join(folder, `${key}.erofs`)
}

export function indexKeys(folder: string): string[] {
  return readdirSync(folder).map((name) => name.replace(/\.erofs$/, ''))
}

export function diffIdOfIndex(key: string): DiffId {
  return `sha256:${key.slice(0, 64)}` as DiffId
}

/** Reads every index of the snapshots folder; those whose bytes are not what was written. An empty one counts as missing. */
export function damagedIndexes(snapshots: string): { readonly path: string; readonly diffId: DiffId }[] {
  const folder = join(snapshots, 'erofs')
  return keysIfAny(folder)
    .map((key) => ({ path: indexPath(folder, key), diffId: diffIdOfIndex(key) }))
    .filter(({ path }) => {
      const image = readIfThere(path)
      return image !== undefined && image.length > 0 && !isIntactErofs(image)
    })
}

function keysIfAny(folder: string): string[] {
  try {
    return indexKeys(folder)
  } catch (error) {
    // another kind of snapshotter, or nothing applied yet
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw fromNodeError(error, folder)
  }
}

/** Undefined when it was dropped since the folder was read. */
function readIfThere(path: string): Buffer | undefined {
  try {
    return readFileSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fromNodeError(error, path)
  }
}
