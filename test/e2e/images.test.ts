import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'

let mille: TestMille

before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

function build(tag: string, dockerfile: string, ...flags: string[]): string {
  const folder = join(mille.root, 'context')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  return mille.ok('build', '-q', ...flags, '-t', tag, folder)
}

function rows(...args: string[]): string[][] {
  const lines = mille.ok(...args).split('\n')
  return lines.map((line) => line.trim().split(/ {2,}/))
}

test('a rebuild leaves the old image dangling, and it still runs (A02, A29, A30)', () => {
  const first = build('app', 'FROM busybox\nCMD ["echo", "first"]\n')
  const second = build('app', 'FROM busybox\nCMD ["echo", "second"]\n')
  assert.notEqual(first, second)
  assert.equal(mille.ok('images', '-q', '--no-trunc', '--filter', 'dangling=true'), first)
  const dangling = rows('images', '--filter', 'dangling=true')[1] ?? []
  assert.deepEqual(dangling.slice(0, 3), ['<none>', '<none>', first.slice(7, 19)])
  assert.equal(mille.ok('run', '--rm', first), 'first')
  assert.equal(mille.ok('run', '--rm', 'app'), 'second')
  assert.match(
    mille.ok('image', 'prune', '-f'),
    new RegExp(`^Deleted Images:\ndeleted: ${first}\n\nTotal reclaimed space: `),
  )
  assert.equal(mille.ok('images', '-q', '--filter', 'dangling=true'), '')
})

test('columns of images and history (A34, A36)', () => {
  assert.deepEqual(rows('images', 'app')[0], ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'])
  const [header, newest, ...older] = rows('history', 'app')
  assert.deepEqual(header, ['IMAGE', 'CREATED', 'CREATED BY', 'SIZE', 'COMMENT'])
  assert.equal(newest?.[0], mille.ok('images', '-q', 'app'))
  assert.equal(newest?.[2], 'CMD ["echo" "second"]')
  assert.equal(newest?.[3], '0B')
  assert.equal(older.at(-1)?.[0], mille.ok('images', '-q', 'busybox'))
})

test('conflicts name the container; rm frees the image (A33)', () => {
  const id = mille.ok('images', '-q', 'app')
  const container = mille.ok('create', '--name', 'user', 'app').slice(0, 12)
  const byName = mille.run(['rmi', 'app'])
  assert.equal(byName.code, 1)
  assert.equal(
    byName.err,
    `Error response from daemon: conflict: unable to remove repository reference "app" (must force) - container ${container} is using its referenced image ${id}\n`,
  )
  assert.equal(
    mille.run(['rmi', id]).err,
    `Error response from daemon: conflict: unable to delete ${id} (must be forced) - image is being used by stopped container ${container}\n`,
  )
  mille.ok('rm', 'user')
  assert.match(mille.ok('rmi', 'app'), /^Untagged: app:latest\nDeleted: sha256:/)
})

test('one image fails to be removed, the others go; all is said (A31)', () => {
  mille.ok('tag', 'busybox', 'one:1')
  mille.ok('tag', 'busybox', 'two:1')
  const missing = 'Error response from daemon: No such image: nope:latest\n'
  const first = mille.run(['image', 'rm', 'one:1', 'nope', 'two:1'])
  assert.deepEqual(first, { code: 1, out: 'Untagged: one:1\nUntagged: two:1\n', err: missing })
  // as Docker: with force a missing image is said, and no failure
  assert.deepEqual(mille.run(['image', 'rm', 'nope', '-f']), { code: 0, out: '', err: missing })
})

test('squash: one layer on a base that stays shared, every row of history (A26, A04)', () => {
  const text = 'FROM busybox\nRUN echo a >/a\nRUN echo b >/b; rm /a\nENV X=1\nRUN rm /etc/group\n'
  build('plain', text)
  build('squashed', text, '--squash')
  assert.equal(mille.ok('image', 'inspect', '--format', '{{len .RootFS.Layers}}', 'squashed'), '2')
  assert.equal(rows('history', 'squashed').length, rows('history', 'plain').length)
  const shown = mille.ok('run', '--rm', 'squashed', 'sh', '-c', 'ls -d /a /b /etc/group 2>/dev/null; echo $X')
  assert.equal(shown, '/b\n1')
  const usage = rows('system', 'df', '-v')
  const base = usage.find(([name]) => name === 'busybox')
  const squashed = usage.find(([name]) => name === 'squashed')
  assert.equal(squashed?.[5], base?.[5])
  assert.equal(base?.[6], '0B')
})

test('commit makes a new image on the old one; chains of commits run (A02, C13)', () => {
  let image = 'busybox'
  for (const step of ['1', '2', '3']) {
    mille.ok('run', '--name', `step-${step}`, image, 'sh', '-c', `echo ${step} >>/log`)
    mille.ok('commit', '-m', `step ${step}`, '-c', 'CMD ["cat", "/log"]', `step-${step}`, `chain:${step}`)
    mille.ok('rm', `step-${step}`)
    image = `chain:${step}`
  }
  assert.equal(mille.ok('run', '--rm', 'chain:3'), '1\n2\n3')
  assert.equal(mille.ok('run', '--rm', 'chain:1'), '1')
  const comments = rows('history', '--format', '{{.ID}} {{.Comment}}', 'chain:3').map(([row]) => row)
  const ids = ['3', '2', '1'].map((step) => `${mille.ok('images', '-q', `chain:${step}`)} step ${step}`)
  assert.deepEqual(comments.slice(0, 3), ids)
  assert.match(mille.ok('image', 'tree'), /busybox:latest[^]*└─ chain:1[^]*└─ chain:2[^]*└─ chain:3/)
})

test('export and import: the same files, one layer, changes applied (C11, C12)', () => {
  mille.ok('run', '--name', 'source', 'busybox', 'sh', '-c', 'echo kept >/kept')
  const path = join(mille.root, 'export.tar')
  mille.ok('export', '-o', path, 'source')
  mille.ok('rm', 'source')
  assert.equal(execFileSync('tar', ['-xOf', path, 'kept']).toString(), 'kept\n')
  const id = mille.ok('import', '-c', 'CMD ["cat", "/kept"]', '-m', 'from a tar', path, 'imported:1')
  assert.equal(mille.ok('images', '-q', '--no-trunc', 'imported'), id)
  assert.equal(mille.ok('run', '--rm', 'imported:1'), 'kept')
  assert.equal(mille.ok('history', '--format', '{{.Comment}}', 'imported:1'), 'from a tar')
  for (const change of ['FROM x', 'RUN x', 'COPY a b']) {
    const { code, err } = mille.run(['import', '-c', change, path])
    assert.equal(code, 1)
    assert.match(err, new RegExp(`${change.split(' ')[0]} is not a valid change command`))
  }
})

test('an archive that a pipe cuts leaves the list as it was; two loads of one at once are both fine (B-BD-15)', async () => {
  const list = (): string => mille.ok('images', '--format', '{{.ID}} {{.Repository}}:{{.Tag}}')
  build('piped:1', 'FROM busybox\nRUN echo piped > /piped\n')
  const path = join(mille.root, 'piped.tar')
  mille.ok('save', '-o', path, 'piped:1')
  const whole = list()
  mille.ok('rmi', 'piped:1')
  const before = list()
  const bytes = readFileSync(path)
  for (const part of [0.1, 0.5, 0.99]) {
    const { code, err } = mille.run(['load'], { input: bytes.subarray(0, Math.floor(bytes.length * part)) })
    assert.equal(code, 1)
    assert.match(err, /^Error response from daemon: .*ends early.*\n$/)
    assert.equal(list(), before)
  }
  const loads = [1, 2].map(() => mille.start('load', '-q', '-i', path))
  const codes = await Promise.all(loads.map((load) => once(load, 'exit')))
  assert.deepEqual(codes, [
    [0, null],
    [0, null],
  ])
  assert.equal(list(), whole)
  assert.equal(mille.ok('run', '--rm', 'piped:1', 'cat', '/piped'), 'piped')
})

test('save and load through the command: same IDs; a full disk is said (B-BD-14)', () => {
  const path = join(mille.root, 'saved.tar')
  mille.ok('save', '-o', path, 'chain:3', 'imported:1')
  const ids = mille.ok('images', '-q', '--no-trunc')
  mille.ok('rmi', '-f', 'chain:3', 'imported:1')
  assert.equal(mille.ok('load', '-i', path), 'Loaded image: chain:3\nLoaded image: imported:1')
  assert.deepEqual(mille.ok('images', '-q', '--no-trunc').split('\n').sort(), ids.split('\n').sort())
  const command = join(import.meta.dirname, '../../bin/mille')
  const text = execFileSync('sh', [
    '-c',
    `"$1" --root "$2" save chain:3 2>&1 >/dev/full; echo "exit $?"`,
    'sh',
    command,
    mille.root,
  ])
  assert.match(text.toString(), /no space left on device.*\nexit 1\n$/)
})
