import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { readText } from '../../src/util/read-text.ts'
import { umount } from '../support/umount.ts'

const checkout = resolve(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'mille-package-'))
const env = {
  ...process.env,
  PATH: `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`,
  MILLE_ROOT: join(folder, 'root'),
}

const archive = (): string => join(folder, readdirSync(folder).find((name) => name.endsWith('.tgz')) ?? '')

/** Packs the checkout and installs the package into an empty project; koffi, its one dependency, comes from npm's cache. */
before(() => {
  const npm = (cwd: string, ...args: readonly string[]): string =>
    execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], { cwd }).toString()
  npm(checkout, 'pack', '--pack-destination', folder)
  writeFileSync(join(folder, 'package.json'), '{ "private": true, "type": "module" }')
  npm(folder, 'install', '--prefer-offline', archive())
})
after(() => {
  umount(folder)
  rmSync(folder, { recursive: true, force: true })
})

test('the installed package is the command; an old Node is told what to do', () => {
  const mille = join(folder, 'node_modules/.bin/mille')
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
    // nor does it know what came later
    `#!/bin/sh\ncase "$*" in *--disable-sigusr1*) exit 9 ;; esac\nexec "${process.execPath}" --import "${join(folder, 'older.mjs')}" "$@"\n`,
    { mode: 0o755 },
  )
  const refused = spawnSync(mille, ['version'], { env: { ...env, PATH: `${old}:${env.PATH}` } })
  assert.equal(refused.status, 1)
  assert.match(refused.stderr.toString(), /Node\.js 24 or newer is needed, this is 20\.1\.0/)
})

/** The examples of docs/library.md: a program, and what it prints. */
function examples(): readonly (readonly [program: string, output: string])[] {
  const text = readText(join(checkout, 'docs/library.md'))
  const found = [...text.matchAll(/^```ts\n(.*?)^```\n\n```text\n(.*?)^```$/gms)]
  return found.map(([, program = '', output = '']) => [program, output])
}

test('the installed package is a library with types: the examples of its page run and print what they say', () => {
  const programs = examples().map(([program, output], index) => {
    const file = join(folder, `example-${index}.ts`)
    writeFileSync(file, program)
    const { stdout, stderr } = spawnSync(process.execPath, ['--no-warnings', file], { env, cwd: folder })
    assert.equal(stdout.toString(), output, stderr.toString())
    return file
  })
  assert.equal(programs.length, 4)

  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2024',
    '--lib',
    'es2024,esnext.disposable',
    '--strict',
  ]
  const types = ['--noEmit', '--types', 'node', '--typeRoots', join(checkout, 'node_modules/@types')]
  const tsc = join(checkout, 'node_modules/.bin/tsc')
  const checked = spawnSync(tsc, [...options, ...types, ...programs], { cwd: folder, env })
  assert.equal(checked.status, 0, checked.stdout.toString())
})

test('the package is small', () => {
  const { size } = statSync(archive())
  assert.ok(size < 5_000_000, String(size))
})

test('the example of the checks runs with the installed package', () => {
  const example = join(folder, 'check-dockerfile.mjs')
  copyFileSync(join(import.meta.dirname, '../../examples/check-dockerfile.mjs'), example)
  const file = join(folder, 'Checked')
  writeFileSync(file, 'FROM busybox\nRUNN echo\n')
  const { stdout, stderr } = spawnSync(process.execPath, [example, file])
  assert.match(
    stdout.toString(),
    /Checked:2:1: error: .*RUNN.*\n {4}write RUN\nFROM busybox\nRUN echo\n/,
    stderr.toString(),
  )
})
