import { closeSync, constants, openSync, readSync } from 'node:fs'
import { readlinkat } from '../../linux/at.ts'
import { type FileStatus, fileTypes, statx } from '../../linux/statx.ts'
import { readXattrs } from './object-xattrs.ts'

/**
 * Is an object of a changed tree what it was below? `now` and `before` are open handles (O_PATH). Of a folder only what it is
 * itself counts, of a file the bytes, too: it may have been opened for writing, or been given the mode that it had, and that
 * is no change, whichever kind of snapshot it happened on. A further name of a file is one.
 */
export function isSameObject(now: number, status: FileStatus, before: number): boolean {
  const was = statx(before, '')
  if (status.mode !== was.mode || status.uid !== was.uid || status.gid !== was.gid) return false
  if (status.mtime !== was.mtime || status.major !== was.major || status.minor !== was.minor) return false
  const type = status.mode & fileTypes.mask
  if (type !== fileTypes.directory && (status.size !== was.size || status.links > was.links)) return false
  if (type === fileTypes.symlink && !readlinkat(now, '').equals(readlinkat(before, ''))) return false
  if (xattrText(now) !== xattrText(before)) return false
  return type !== fileTypes.file || hasSameBytes(now, before)
}

function xattrText(handle: number): string {
  return [...readXattrs(handle)].map(([name, value]) => `${name}=${value.toString('hex')}`).join('\n')
}

const chunk = 256 * 1024

/** By the handles' own inodes: no name is looked up again. */
function hasSameBytes(now: number, before: number): boolean {
  const files = [now, before].map((handle) =>
    openSync(`/proc/self/fd/${handle}`, constants.O_RDONLY | constants.O_NONBLOCK),
  )
  const [one = -1, other = -1] = files
  try {
    const [a, b] = [Buffer.allocUnsafe(chunk), Buffer.allocUnsafe(chunk)]
    for (let at = 0; ; at += chunk) {
      const length = readFully(one, a, at)
      if (length !== readFully(other, b, at) || !a.subarray(0, length).equals(b.subarray(0, length)))
        return false
      if (length < chunk) return true
    }
  } finally {
    for (const file of files) closeSync(file)
  }
}

function readFully(file: number, into: Buffer, at: number): number {
  let done = 0
  while (done < into.length) {
    const count = readSync(file, into, done, into.length - done, at + done)
    if (count === 0) break
    done += count
  }
  return done
}
