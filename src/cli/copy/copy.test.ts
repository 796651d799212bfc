import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, test } from 'node:test'
import { writeTar, type TarSource } from '../../tar/writer.ts'
import { chooseDestination, parseCopyPath } from './copy-paths.ts'
import { writeLocal } from './write-local.ts'
import { readLocal } from './read-local.ts'
import { readText } from '../../util/read-text.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'mille-cp-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('sides: a container has a name before the colon', () => {
  assert.deepEqual(parseCopyPath('web:/etc'), { container: 'web', path: '/etc' })
  for (const local of ['/a:b', './a:b', 'plain', '-', ':x']) {
    assert.deepEqual(parseCopyPath(local), { container: undefined, path: local })
  }
})

test("where a copy goes, by Docker's rules", () => {
  const file = { path: 'd/f', isFolder: false }
  const dir = { path: 'd/s', isFolder: true }
  const folderThere = { path: '/t', exists: true, isFolder: true }
  const fileThere = { path: '/t/x', exists: true, isFolder: false }
  const nothing = { path: '/t/n', exists: false, isFolder: false }
  assert.deepEqual(chooseDestination(file, folderThere), { folder: '/t', name: 'f' })
  assert.deepEqual(chooseDestination(file, fileThere), { folder: '/t', name: 'x' })
  assert.deepEqual(chooseDestination(file, nothing), { folder: '/t', name: 'n' })
  assert.deepEqual(chooseDestination(dir, folderThere), { folder: '/t', name: 's' })
  assert.deepEqual(chooseDestination({ path: 'd/s/.', isFolder: true }, folderThere), {
    folder: '/t',
    name: '.',
  })
  assert.deepEqual(chooseDestination(dir, nothing), { folder: '/t', name: 'n' })
  assert.throws(() => chooseDestination(dir, fileThere), /cannot copy directory/)
  assert.throws(() => chooseDestination(file, { ...nothing, path: '/t/n/' }), /no such directory/)
  assert.throws(() => chooseDestination({ path: 'f/', isFolder: false }, folderThere), /is not a directory/)
})

test('a local tree becomes a tar that GNU tar reads', async () => {
  mkdirSync(join(folder, 'in/sub'), { recursive: true })
  writeFileSync(join(folder, 'in/file'), 'text', { mode: 0o640 })
  writeFileSync(join(folder, 'in/sub/empty'), '')
  symlinkSync('../file', join(folder, 'in/sub/link'))
  const tar = join(folder, 'x.tar')
  const chunks: Buffer[] = []
  const options = { name: 'top', followLink: false, owners: false }
  for await (const chunk of writeTar(readLocal(join(folder, 'in'), options))) chunks.push(chunk as Buffer)
  writeFileSync(tar, Buffer.concat(chunks))
  assert.equal(
    execFileSync('tar', ['-tf', tar], { encoding: 'utf8' }),
    'top/\ntop/file\ntop/sub/\ntop/sub/empty\ntop/sub/link\n',
  )
  assert.equal(execFileSync('tar', ['-xOf', tar, 'top/file'], { encoding: 'utf8' }), 'text')
})

const common = { mode: 0o755, uid: 0, gid: 0, mtime: 1_700_000_000_000_000_000n }

function extract(sources: readonly TarSource[], rename = 'copy'): Promise<number> {
  const root = join(folder, 'out')
  mkdirSync(root, { recursive: true })
  return writeLocal(Readable.from(writeTar(sources)), root, { rename, owners: false })
}

test('a tar is written under the new name with modes and times', async () => {
  await extract([
    { header: { ...common, path: 'old', type: 'directory', mode: 0o500 } },
    { header: { ...common, path: 'old/f', type: 'file', size: 3, mode: 0o604 }, body: Buffer.from('abc') },
    { header: { ...common, path: 'old/l', type: 'symlink', linkTarget: 'f' } },
    { header: { ...common, path: 'old/h', type: 'hardlink', linkTarget: 'old/f' } },
  ])
  const copy = join(folder, 'out/copy')
  assert.deepEqual(readdirSync(copy).sort(), ['f', 'h', 'l'])
  assert.equal(readText(join(copy, 'h')), 'abc')
  assert.equal(readlinkSync(join(copy, 'l')), 'f')
  assert.equal(lstatSync(join(copy, 'f')).mode & 0o7777, 0o604)
  assert.equal(lstatSync(copy).mode & 0o7777, 0o500)
  assert.equal(lstatSync(join(copy, 'f')).mtimeMs, 1_700_000_000_000)
})

test('a hostile tar writes nothing outside', async () => {
  const outside = join(folder, 'outside')
  mkdirSync(outside)
  const file = (path: string): TarSource => ({
    header: { ...common, path, type: 'file', size: 1 },
    body: Buffer.from('x'),
  })
  await assert.rejects(extract([file('top/../../outside/x')]), { code: 'CLI_FAILED' })
  const link = { header: { ...common, path: 'top/l', type: 'symlink' as const, linkTarget: outside } }
  const top = { header: { ...common, path: 'top', type: 'directory' as const } }
  await assert.rejects(extract([top, link, file('top/l/x')]), {
    code: 'CLI_FAILED',
    message: /refusing to write through/,
  })
  // a file in place of the link replaces the link, it does not follow it
  await extract([top, link, file('top/l')], 'other')
  assert.deepEqual(readdirSync(outside), [])
  assert.equal(readText(join(folder, 'out/other/l')), 'x')
})
