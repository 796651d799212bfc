import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { copyTreeIntoFolder } from './copy-tree.ts'
import { folderBytes } from './folder-size.ts'

const base = mkdtempSync(join(tmpdir(), 'mille-copy-'))
after(() => rmSync(base, { recursive: true, force: true }))

/** Everything observable about a tree, by other programs: modes, owners, link counts, times, sizes, devices, contents, attributes. */
const list = (folder: string): string =>
  execFileSync(
    'sh',
    [
      '-c',
      `find . -printf '%p %M %U:%G %n %T@ %s %l\\n' | sort; find . -type c -exec stat -c '%n %t:%T' {} +; find . -type f -exec sha256sum {} + | sort; getfattr -Rd -m- .`,
    ],
    { cwd: folder },
  ).toString()

test('a tree is copied with owners, modes, times, links, devices and attributes', () => {
  const root = join(base, 'root')
  const source = join(root, 'data')
  mkdirSync(source, { recursive: true })
  execFileSync(
    'sh',
    [
      '-c',
      `
    mkdir -p deep/er; echo one >deep/er/a; ln deep/er/a deep/b; ln -s a deep/er/link; mkfifo pipe
    mknod node c 1 3; chown 12:34 deep; chmod 4755 deep/er/a; chmod 1777 deep/er
    setfattr -n user.note -v hello deep/er/a; touch -d '2001-02-03 04:05:06.123456789' deep/er/a deep pipe deep/er .
  `,
    ],
    { cwd: source },
  )
  const target = join(base, 'target')
  mkdirSync(target)
  copyTreeIntoFolder(root, '/data', target)
  assert.equal(list(target), list(source))
  assert(folderBytes(target) > 0)
})

test('a link out of the root copies nothing of the host', () => {
  const root = join(base, 'linked')
  const outside = join(base, 'outside')
  mkdirSync(root)
  mkdirSync(outside)
  writeFileSync(join(outside, 'secret'), 'host')
  symlinkSync(outside, join(root, 'data'))
  symlinkSync('../outside', join(root, 'relative'))
  const target = join(base, 'empty')
  mkdirSync(target)
  copyTreeIntoFolder(root, '/data', target)
  copyTreeIntoFolder(root, '/relative', target)
  copyTreeIntoFolder(root, '/../outside', target)
  assert.deepEqual(readdirSync(target), [])
})
