import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { umount } from './umount.ts'

/** A small file system of its own. */
export function smallDisk(megabytes: number): { readonly path: string } & Disposable {
  const path = mkdtempSync(join(tmpdir(), 'mille-full-'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${String(megabytes)}m,mode=700`, 'tmpfs', path])
  return {
    path,
    [Symbol.dispose]() {
      umount(path)
      rmSync(path, { recursive: true, force: true })
    },
  }
}

/** To its last byte. */
export function fillDisk(path: string): void {
  const { bavail, bsize } = statfsSync(path)
  try {
    writeFileSync(join(path, 'filler'), Buffer.alloc(bavail * bsize + 1))
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC')
  }
}
