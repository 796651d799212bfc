import { statfsSync } from 'node:fs'
import { constants } from 'node:os'
import { failure } from '../util/errors.ts'
import { humanSize } from '../util/human-size.ts'
import { reasonOf } from './system-failure.ts'

/**
 * Says before the work that it cannot end well: NO_SPACE when the file system of `path` has less than `need` bytes free.
 * `work` is what they are for: `pulling sha256:…`. A file system that does not tell its size is taken for large enough.
 */
export function requireSpace(path: string, need: number, work: string): void {
  const { bavail, blocks, bsize } = statfsSync(path)
  const free = bavail * bsize
  if (blocks === 0 || need <= free) return
  const reason = `${reasonOf(constants.errno.ENOSPC)} while ${work}; need ${humanSize(need)}, have ${humanSize(free)}`
  throw failure('NO_SPACE', { call: 'write', path, reason })
}
