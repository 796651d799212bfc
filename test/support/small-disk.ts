import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
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

/** As `smallDisk`, of blocks smaller than a page of memory, which tmpfs has not. */
export function smallBlocksDisk(megabytes: number): { readonly path: string } & Disposable {
  const top = mkdtempSync(join(tmpdir(), 'mille-blocks-'))
  const image = join(top, 'image')
  const path = join(top, 'disk')
  mkdirSync(path)
  execFileSync('truncate', ['-s', `${megabytes}M`, image])
  execFileSync('mkfs.ext4', ['-q', '-b', '1024', '-m', '0', image])
  execFileSync('mount', ['-o', 'loop', image, path])
  return {
    path,
    [Symbol.dispose]() {
      umount(path)
      rmSync(top, { recursive: true, force: true })
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
