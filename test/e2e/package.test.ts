import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, test } from 'node:test'
import { umount } from '../support/umount.ts'

const checkout = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'mille-package-'))
after(() => {
  umount(folder)
  rmSync(folder, { recursive: true, force: true })
})

test('the npm package, installed into an empty project, is the command; an old Node is told what to do', () => {
  const npm = (cwd: string, ...args: readonly string[]): string =>
    execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd }).toString()
  npm(checkout, 'pack', '--pack-destination', folder)
  const archive = readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? ''
  writeFileSync(join(folder, 'package.json'), '{ "private": true }')
  npm(folder, 'install', join(folder, archive))
  const mille = join(folder, 'node_modules/.bin/mille')
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
    MILLE_ROOT: join(folder, 'root'),
  }
  execFileSync(mille, ['image', 'bootstrap', 'busybox'], { env })
  const { stdout } = spawnSync(mille, ['run', '--rm', '--network', 'none', 'busybox', 'echo', 'installed'], {
    env,
  })
  assert.equal(stdout.toString(), 'installed\n')

  // a stand-in for an old Node: the same program, which says another version of itself
  const old = join(folder, 'old')
  writeFileSync(
    join(folder, 'older.mjs'),
    `Object.defineProperty(process.versions, 'node', { value: '20.1.0' })`,
  )
  execFileSync('mkdir', [old])
  writeFileSync(
    join(old, 'node'),
    `#!/bin/sh\nexec "${process.execPath}" --import "${join(folder, 'older.mjs')}" "$@"\n`,
    { mode: 0o755 },
  )
  const refused = spawnSync(mille, ['version'], { env: { ...env, PATH: `${old}:${env.PATH}` } })
  assert.equal(refused.status, 1)
  assert.match(refused.stderr.toString(), /Node\.js 24 or newer is needed, this is 20\.1\.0/)
})
