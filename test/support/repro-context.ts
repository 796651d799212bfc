import { execFileSync } from 'node:child_process'
import { chmodSync, lutimesSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setXattr } from '../../src/linux/xattr.ts'

/** Path and mode; a name that is a link has its target. */
const files: readonly (readonly [path: string, mode: number, target?: string])[] = [
  ['one.txt', 0o644],
  ['two.txt', 0o644],
  ['folder/a.c', 0o644],
  ['folder/B.c', 0o644],
  ['folder/run.sh', 0o755],
  ['folder/secret', 0o400],
  ['folder/deep/a.txt', 0o644],
  ['folder/deep/b.txt', 0o644],
  ['folder/deep/ünïcode name', 0o644],
  ['link', 0o777, 'folder/a.c'],
  ['folder/dangling', 0o777, '../missing'],
  ['attributed/with', 0o644],
  ['attributed/without', 0o644],
]

/** How somebody has the files that are the same to everybody. */
export interface Copy {
  /** Names are made in this order, so that folders list them so. */
  readonly reversed: boolean
  readonly umask: number
  /** Of every file, seconds. */
  readonly time: number
}

/** Fills `folder` with the context of the corpus. */
export function makeReproContext(folder: string, { reversed, umask, time }: Copy): void {
  mkdirSync(folder, { recursive: true })
  for (const [name, mode, target] of reversed ? files.toReversed() : files) {
    const path = join(folder, name)
    mkdirSync(dirname(path), { recursive: true, mode: 0o777 & ~umask })
    if (target !== undefined) symlinkSync(target, path)
    else {
      writeFileSync(path, `content of ${name}\n`)
      // what is no usual mode was set on purpose and is part of the sources
      chmodSync(path, mode === 0o400 ? mode : mode & ~umask)
    }
    lutimesSync(path, time, time)
  }
  setXattr(join(folder, 'attributed/with'), 'user.color', Buffer.from('blue'))
  // an archive is a source like any other: the same bytes for everybody
  const fixed = ['--sort=name', '--mtime=@1234567890', '--owner=5', '--group=6', '--mode=u=rwX,go=rX']
  const tar = execFileSync('tar', ['-C', folder, ...fixed, '-c', 'folder', 'link'])
  writeFileSync(join(folder, 'archive.tar.gz'), execFileSync('gzip', ['-n'], { input: tar }))
}
