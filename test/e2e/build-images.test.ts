import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

// What it means to builds that images come and go.

let mille: TestMille
before(() => {
  mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
})
after(() => mille[Symbol.dispose]())

function context(name: string, dockerfile: string): string {
  const folder = join(mille.root, 'contexts', name)
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'Dockerfile'), dockerfile)
  return folder
}

test('a base that is removed, pruned and given its name to another image while a build runs on it (B-BD-12)', async () => {
  mille.ok('build', '-q', '-t', 'base', context('base', 'FROM busybox\nRUN echo first > /which\n'))
  const app = context('app', 'FROM base\nRUN echo begun; sleep 3; cp /which /copy\nRUN cat /copy > /end\n')
  const build = mille.start('build', '--progress', 'plain', '-t', 'app', app)
  const ended = new Promise((resolve) => build.once('exit', resolve))
  let said = ''
  build.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until(() => said.includes(' begun'))
  mille.ok('rmi', '-f', 'base')
  mille.ok('build', '-q', '-t', 'base', context('base', 'FROM busybox\nRUN echo second > /which\n'))
  mille.ok('system', 'prune', '-f')
  assert.equal(await ended, 0, said)
  assert.equal(mille.ok('run', '--rm', 'app', 'cat', '/which', '/end'), 'first\nfirst')
  assert.equal(mille.ok('check'), 'The store is sound.')
})

test('an image that came from elsewhere is no cache, whatever its history says (C-B8)', () => {
  const app = context('claims', 'FROM busybox\nRUN echo mine > /step\n')
  mille.ok('build', '-q', '-t', 'claims', app)
  const archive = join(mille.root, 'claims.tar')
  mille.ok('save', '-o', archive, 'claims', 'busybox')
  using other = testMille()
  other.ok('load', '-q', '-i', archive)
  const { code, err } = other.run(['build', '--progress', 'plain', '-t', 'claims', app])
  assert.equal(code, 0, err)
  assert.match(err, /^#2 \[2\/2\] RUN echo mine > \/step( .*)?\n#2 DONE /m)
  assert.match(other.run(['build', '--progress', 'plain', '-t', 'claims', app]).err, /^#2 CACHED$/m)
})
