import { existsSync, rmSync, statfsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isMilleError } from '../../util/errors.ts'

/** A file of `reserveSize` bytes, so that removing things works on a full disk. Made again when there is room. */
function reservePath(root: string): string {
  return join(root, 'reserve')
}

const reserveSize = 1 << 20
/** Room that must be left beside it: it must not be what fills the disk. */
const room = 4 * reserveSize

/** Opening a store and freeing space need a little space themselves: listing and prune must work on a full disk (B-ST-3). */
export function withReserve<Result>(root: string, work: () => Result): Result {
  try {
    return work()
  } catch (error) {
    if (!isMilleError(error, 'NO_SPACE') || !releaseReserve(root)) throw error
    return work()
  }
}

/** Gives back its space; false when it was used already. */
function releaseReserve(root: string): boolean {
  const path = reservePath(root)
  if (!existsSync(path)) return false
  rmSync(path, { force: true })
  return true
}

/** Does nothing while space is scarce. */
export function keepReserve(root: string): void {
  const path = reservePath(root)
  if (statSync(path, { throwIfNoEntry: false })?.size === reserveSize) return
  const { bavail, bsize } = statfsSync(root)
  if (bavail * bsize < room) return
  try {
    writeFileSync(path, Buffer.alloc(reserveSize), { mode: 0o600 })
  } catch (error) {
    rmSync(path, { force: true })
    // somebody else took the room: the next command tries again
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw fromNodeError(error, path)
  }
}
