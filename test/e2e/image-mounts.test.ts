import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const dockerfile = 'FROM busybox\nRUN mkdir -p /data/deep && echo one > /data/deep/file'
  const { code, err } = mille.run(['build', '-q', '-t', 'data:1', '-'], { input: dockerfile })
  assert.equal(code, 0, err)
})
after(() => mille[Symbol.dispose]())

const image = (more = ''): string => `type=image,source=data:1,target=/m${more}`

test('an image is mounted read-only, whole or a part of it (C53)', () => {
  const run = (...args: readonly string[]): string => mille.ok('run', '--rm', ...args)
  assert.equal(run('--mount', image(), 'busybox', 'cat', '/m/data/deep/file'), 'one')
  assert.equal(run('--mount', image(',image-subpath=data/deep'), 'busybox', 'cat', '/m/file'), 'one')
  for (const more of ['', ',readonly=false', ',image-subpath=data'])
    assert.match(
      mille.run(['run', '--rm', '--mount', image(more), 'busybox', 'touch', '/m/x']).err,
      /Read-only file system/,
    )
  assert.match(
    mille.run(['run', '--rm', '--mount', image(',image-subpath=../etc'), 'busybox', 'ls']).err,
    /invalid mount config for type "image": subpath must be a relative path within the volume/,
  )
  assert.match(
    mille.run([
      'run',
      '--rm',
      '--mount',
      'type=image,source=absent,target=/m',
      '--pull=never',
      'busybox',
      'ls',
    ]).err,
    /No such image: absent/,
  )
  assert.match(
    mille.run(['run', '--rm', '--mount', 'type=image,target=/m', 'busybox', 'ls']).err,
    /field Source must not be empty/,
  )
})

test('an image that a container mounts stays; it is shown, copied from, and mounted at each start', () => {
  mille.ok(
    'create',
    '--name',
    'user',
    '--mount',
    image(',image-subpath=data'),
    'busybox',
    'cat',
    '/m/deep/file',
  )
  const shown =
    '{{range .Mounts}}{{.Type}} {{.Name}} {{.Destination}} {{.RW}}{{end}} {{json .HostConfig.Mounts}}'
  assert.equal(
    mille.ok('inspect', '-f', shown, 'user'),
    'image data:1 /m false [{"Type":"image","Source":"data:1","Target":"/m","ImageOptions":{"Subpath":"data"}}]',
  )
  const { code, err } = mille.run(['rmi', 'data:1'])
  assert.equal(code, 1)
  assert.match(err, /conflict/)
  const copy = join(mille.root, 'copied')
  mille.ok('cp', 'user:/m/deep/file', copy)
  assert.equal(readFileSync(copy, 'utf8'), 'one\n')
  rmSync(copy)
  for (const _ of [1, 2]) assert.equal(mille.ok('start', '-a', 'user'), 'one')
  mille.ok('rm', 'user')
  mille.ok('rmi', 'data:1')
})
