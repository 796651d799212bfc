import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'

const project = join(import.meta.dirname, '../..')

/** Says what the launcher's look at the sources found. */
const bundle = `
const { readFileSync } = require('node:fs')
const pipe = process.env.MILLE_NEWER_PIPE
console.log(JSON.stringify({ words: process.argv.slice(2), newer: pipe ? readFileSync(+pipe, 'utf8').trim() : 'not asked' }))
`

function temporaryFolder(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'mille-launcher-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

/** A checkout with one source, and a build that only notes that it was called. */
function makeCheckout(folder: string): void {
  for (const name of ['bin', 'src', 'scripts', 'node_modules/.bin'])
    mkdirSync(join(folder, name), { recursive: true })
  cpSync(join(project, 'bin/mille'), join(folder, 'bin/mille'))
  symlinkSync(process.execPath, join(folder, 'node_modules/.bin/node'))
  for (const name of ['src/a.ts', 'src/a.test.ts', 'rolldown.config.ts', 'package.json', 'bin/mille']) {
    if (name !== 'bin/mille') writeFileSync(join(folder, name), '{}')
    utimesSync(join(folder, name), 1000, 1000)
  }
  writeFileSync(join(folder, 'bundle.js'), bundle)
  writeFileSync(
    join(folder, 'scripts/bundle.sh'),
    'mkdir -p dist && cp bundle.js dist/mille.cjs && echo built >&2\n',
  )
}

function call(folder: string): { readonly said: unknown; readonly built: boolean } {
  const { stdout, stderr } = spawnSync(join(folder, 'bin/mille'), ['a', 'b c'], { encoding: 'utf8' })
  return { said: JSON.parse(stdout), built: stderr.includes('built') }
}

test('in a checkout the bundle is made when there is none, and told which source is newer than it', (t) => {
  const folder = temporaryFolder(t)
  makeCheckout(folder)
  const words = ['a', 'b c']
  assert.deepEqual(call(folder), { said: { words, newer: 'not asked' }, built: true })
  assert.deepEqual(call(folder), { said: { words, newer: '' }, built: false })
  const soon = Date.now() / 1000 + 10
  utimesSync(join(folder, 'src/a.test.ts'), soon, soon)
  assert.deepEqual(call(folder), { said: { words, newer: '' }, built: false })
  utimesSync(join(folder, 'src/a.ts'), soon, soon)
  assert.deepEqual(call(folder), { said: { words, newer: `${folder}/bin/../src/a.ts` }, built: false })
  utimesSync(join(folder, 'bin/mille'), soon, soon)
  assert.equal(call(folder).built, true, 'an older bundle may not know how to ask this launcher')
})

test('a bundle that is older than a source calls the launcher again with the same words before it does anything', (t) => {
  const folder = temporaryFolder(t)
  cpSync(join(project, 'dist'), join(folder, 'dist'), { recursive: true })
  mkdirSync(join(folder, 'bin'))
  writeFileSync(
    join(folder, 'bin/mille'),
    '#!/bin/sh\necho "$MILLE_NEWER, not ${MILLE_NEWER_PIPE-asked}:" "$@"\n',
  )
  chmodSync(join(folder, 'bin/mille'), 0o755)
  const asked = (answer: string): string => {
    writeFileSync(join(folder, 'answer'), answer)
    const pipe = openSync(join(folder, 'answer'), 'r')
    const { stdout } = spawnSync(process.execPath, [join(folder, 'dist/mille.cjs'), 'version'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit', pipe],
      env: { ...process.env, MILLE_NEWER_PIPE: '3' },
    })
    closeSync(pipe)
    return stdout
  }
  assert.equal(asked('src/a.ts\n'), 'src/a.ts, not asked: version\n')
  assert.match(asked(''), /^Client:/)
})
