import assert from 'node:assert/strict'
import { lstatSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { rawPax } from '../support/raw-tar.ts'
import { describeTree } from '../support/tree.ts'
import { dir, eitherWay, file, hardlink, hostile, refused, symlink, tarOf } from './support.ts'

const up = '../../../../../../../..'

for (const path of ['../x', 'a/../../x', '/../x', `${up}/tmp/x`, 'a/b/../../../x'])
  hostile('C-T1', `zip slip by name ${path}`, ({ mount }) =>
    refused(mount(tarOf(file(path))), 'LAYER_PATH_ESCAPE'),
  )

hostile('C-T1', 'zip slip by PAX path', ({ mount, canary }) =>
  refused(mount(tarOf(rawPax({ path: `${up}${canary}/x` }), file('ok'))), 'LAYER_PATH_ESCAPE'),
)

hostile('C-T1', 'zip slip by GNU long name', ({ mount, canary }) =>
  refused(
    mount(tarOf({ name: '././@LongLink', type: 'L', data: `${up}${canary}/x\0` }, file('ok'))),
    'LAYER_PATH_ESCAPE',
  ),
)

hostile('C-T1', 'zip slip by ustar prefix', ({ mount }) =>
  refused(mount(tarOf({ name: 'x', prefix: '../..', data: 'e' })), 'LAYER_PATH_ESCAPE'),
)

hostile('C-T1', 'an absolute path means the root of the image', async ({ mount, canary }) => {
  const root = await mount(tarOf(file(`${canary}/new`, 'inside')))
  assert.equal(readFileSync(join(root, canary, 'new'), 'utf8'), 'inside')
})

hostile('C-T2', 'a ../ folder with mode 0777', ({ mount }) =>
  refused(mount(tarOf(dir('..', '0000777\0'))), 'LAYER_PATH_ESCAPE'),
)

hostile('C-T3', 'a file through an absolute link', async ({ mount, canary }) => {
  const root = await mount(tarOf(symlink('out', canary), file('out/file', 'evil')))
  assert.equal(readFileSync(join(root, canary, 'file'), 'utf8'), 'evil')
})

hostile('C-T3', 'a file through a relative link', async ({ mount, canary }) => {
  await eitherWay(mount(tarOf(symlink('out', `${up}${canary}`), file('out/file'), file('out/folder/inner'))))
})

hostile('C-T3', 'a file through a chain of links', async ({ mount, canary }) => {
  await eitherWay(
    mount(tarOf(symlink('a', up), symlink('b', `a${canary}`), file('b/file'), dir('b/folder', '0000777\0'))),
  )
})

hostile('C-T3', 'a file through a link of a lower layer', async ({ mount, canary }) => {
  const lower = tarOf(symlink('out', canary), symlink('rel', `${up}${canary}/folder`))
  await eitherWay(mount(lower, tarOf(file('out/file'), file('rel/inner'), file('rel/new'))))
})

hostile('C-T4', 'var/run -> /run as in real base images', async ({ mount }) => {
  const links = [symlink('var/run', '/run'), symlink('var/lock', '../run/lock')]
  const files = [file('var/run/x', 'x'), dir('run/lock'), file('var/lock/y', 'y')]
  for (const tars of [
    [tarOf(dir('run'), dir('var'), ...links, ...files)],
    [tarOf(dir('run'), dir('var'), ...links), tarOf(...files)],
  ]) {
    const root = await mount(...tars)
    assert.equal(readFileSync(join(root, 'run/x'), 'utf8'), 'x')
    assert.equal(readFileSync(join(root, 'run/lock/y'), 'utf8'), 'y')
    assert.equal(readlinkSync(join(root, 'var/run')), '/run')
  }
})

for (const target of ['../x', `${up}/etc/passwd`])
  hostile('C-T5', `a hard link to ${target}`, ({ mount }) =>
    refused(mount(tarOf(hardlink('h', target))), 'LAYER_LINK_TARGET'),
  )

hostile('C-T5', 'a hard link to an absolute path of the host', ({ mount, canary }) =>
  refused(mount(tarOf(hardlink('h', `${canary}/file`))), 'LAYER_LINK_TARGET'),
)

hostile('C-T5', 'a hard link through a link to the host', ({ mount, canary }) =>
  refused(mount(tarOf(symlink('out', canary), hardlink('h', 'out/file'))), 'LAYER_LINK_TARGET'),
)

hostile('C-T5', 'a hard link through a chain, then a write through it', ({ mount, canary }) =>
  refused(
    mount(tarOf(symlink('a', up), symlink('b', `a${canary}`), hardlink('h', 'b/file'), file('h'))),
    'LAYER_LINK_TARGET',
  ),
)

hostile('C-T5', 'a hard link to a folder, to nothing', async ({ mount }) => {
  await refused(mount(tarOf(dir('d'), hardlink('h', 'd'))), 'LAYER_LINK_TARGET')
  await refused(mount(tarOf(hardlink('h', 'nothing'))), 'LAYER_LINK_TARGET')
  await refused(mount(tarOf(file('lower')), tarOf(hardlink('h', 'no/thing'))), 'LAYER_LINK_TARGET')
})

hostile('C-T5', 'a second name, then a new file under it: the first stays', async ({ mount }) => {
  const root = await mount(tarOf(file('a', 'first'), hardlink('b', 'a'), file('b', 'second')))
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'first')
  assert.equal(readFileSync(join(root, 'b'), 'utf8'), 'second')
})

hostile('C-T6', 'a hard link to a link, with a mode and an owner', async ({ mount, canary }) => {
  const root = await mount(
    tarOf(symlink('l', `${canary}/file`), {
      name: 'h',
      type: '1',
      link: 'l',
      mode: '0004777\0',
      uid: '0001750\0',
    }),
  )
  assert.equal(readlinkSync(join(root, 'h')), `${canary}/file`)
  assert.equal(lstatSync(join(root, 'h')).nlink, 2)
})

hostile('C-T6', 'a folder over a link', async ({ mount, canary }) => {
  const upper = [dir('out', '0000777\0'), file('out/file')]
  for (const tars of [
    [tarOf(symlink('out', canary), ...upper)],
    [tarOf(symlink('out', canary)), tarOf(...upper)],
  ]) {
    const root = await mount(...tars)
    assert.equal(lstatSync(join(root, 'out')).mode, 0o40777)
    assert.deepEqual(readdirSync(join(root, 'out')), ['file'])
  }
})

for (const name of ['./', '.', '/.', './.'])
  for (const type of ['2', '0', '1', '3', '6'])
    hostile('C-T7', `the root as type ${type} by the name ${name}`, ({ mount, canary }) =>
      refused(
        mount(tarOf({ name, type, link: canary }), tarOf(file('x'))),
        // a file whose name ends in a slash is a folder to old readers
        ...(['LAYER_ROOT_TYPE', 'LAYER_LINK_TARGET', 'LAYER_TAR_MALFORMED', 'LAYER_DEVICE_INVALID'] as const),
      ).catch((error: unknown) => {
        if (!(type === '0' && name.endsWith('/'))) throw error
      }),
    )

hostile('C-T8', 'a link, then a file, fifo or device of its name', async ({ mount, canary }) => {
  const root = await mount(
    tarOf(
      symlink('a', `${canary}/file`),
      file('a', 'new'),
      symlink('b', `${canary}/file`),
      { name: 'b', type: '6' },
      symlink('c', `${canary}/new`),
      { name: 'c', type: '3', major: '0000001\0', minor: '0000003\0' },
    ),
  )
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), 'new')
  assert.equal(lstatSync(join(root, 'b')).isFIFO(), true)
  assert.equal(lstatSync(join(root, 'c')).isCharacterDevice(), true)
})

hostile('C-T9', 'link loops on the way to a file', async ({ mount }) => {
  await refused(mount(tarOf(symlink('a', 'b'), symlink('b', 'a'), file('a/x'))), 'LAYER_SYMLINK_LOOP')
  await refused(mount(tarOf(symlink('s', 's'), file('s/x'))), 'LAYER_SYMLINK_LOOP')
  await refused(mount(tarOf(symlink('a', 'b'), symlink('b', 'a'))), 'LAYER_SYMLINK_LOOP')
  await refused(mount(tarOf(symlink('s', 's'))), 'LAYER_SYMLINK_LOOP')
})

hostile('C-T9', 'empty and far too long link targets', async ({ mount }) => {
  await refused(mount(tarOf(symlink('e', ''))), 'LAYER_LINK_TARGET')
  await refused(
    mount(tarOf(rawPax({ linkpath: 'x'.repeat(4100) }), symlink('l', 'x'))),
    'LAYER_PATH_TOO_LONG',
  )
})

hostile('C-T25', 'odd and long names: bytes stay bytes', async ({ mount }) => {
  const odd = 'new\nline\u001b[31m\\é'
  const root = await mount(tarOf(file(odd, '1'), rawPax({ path: 'n'.repeat(255) }), file('x', '2')))
  assert.deepEqual(readdirSync(root).sort(), [odd, 'n'.repeat(255)].sort())
})

hostile('C-T25', 'names over the limits', async ({ mount }) => {
  await refused(mount(tarOf(rawPax({ path: 'n'.repeat(256) }), file('x'))), 'LAYER_PATH_TOO_LONG')
  await refused(mount(tarOf(rawPax({ path: 'd/'.repeat(2600) + 'x' }), file('x'))), 'LAYER_PATH_TOO_LONG')
})

hostile('C-T25', '1,900 levels of folders', async ({ mount, bench }) => {
  const path = 'd/'.repeat(1900)
  await mount(tarOf(rawPax({ path: `${path}f` }), file('x', 'deep')))
  const [{ key }] = (await bench.snapshots.list()) as [{ key: string }]
  await bench.snapshots.remove(key)
})

hostile('C-T26', 'file, folder, file of one name; a folder twice', async ({ mount }) => {
  const root = await mount(
    tarOf(
      file('a', '1'),
      dir('a'),
      file('a/x'),
      file('a', '2'),
      dir('d'),
      file('d/kept', 'k'),
      dir('d', '0000700\0'),
    ),
  )
  assert.equal(readFileSync(join(root, 'a'), 'utf8'), '2')
  assert.equal(readFileSync(join(root, 'd/kept'), 'utf8'), 'k')
  assert.equal(statSync(join(root, 'd')).mode, 0o40700)
})

hostile('C-T26', 'a file as the parent of another', ({ mount }) =>
  refused(mount(tarOf(file('a'), file('a/b'))), 'LAYER_PATH_NOT_DIRECTORY'),
)

hostile('C-T27', 'file, folder and link in each other’s place over layers', async ({ mount, canary }) => {
  const lower = tarOf(file('f'), dir('d'), file('d/in'), dir('e'), file('e/in'), symlink('l', canary))
  const upper = tarOf(
    dir('f'),
    file('f/new'),
    file('d', 'file now'),
    symlink('e', canary),
    dir('l'),
    file('l/file'),
  )
  const again = tarOf(dir('d'), file('d/third'), dir('e'), file('e/file'))
  const root = await mount(lower, upper, again)
  assert.deepEqual(
    describeTree(root).map((line) => line.split(' ')[0]),
    ['.', 'd', 'd/third', 'e', 'e/file', 'f', 'f/new', 'l', 'l/file'],
  )
})
