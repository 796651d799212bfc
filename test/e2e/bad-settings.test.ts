import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { after, before, test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { findProgram } from '../../src/runtime/machine.ts'
import { freshBundle, mustRun, runMille } from '../support/kill-sweep.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'

// The rows D-G2 and D-G3 of the bad-input table by the real command: files and variables that settle how it works.

const mille = resolve(import.meta.dirname, '../../bin/mille')
const root = mkdtempSync(join(tmpdir(), 'mille-settings-'))
const at = (name: string): string => join(root, name)
let registry: StartedRegistry

before(async () => {
  freshBundle()
  for (const folder of ['docker', 'settings']) mkdirSync(at(folder))
  writeFileSync(at('htpasswd'), `ann:${hashSync('secret', 4)}\n`)
  registry = await startRegistry({ htpasswd: at('htpasswd') })
})
after(async () => {
  await registry[Symbol.asyncDispose]()
  umount(root)
  rmSync(root, { recursive: true })
})

const daemon = 'Error response from daemon: '

test('D-G2 a file of settings that cannot be read: its name, line and column, the key that was meant', async () => {
  const config = at('docker/config.json')
  const registries = at('settings/registries.json')
  const rows = [
    [config, '{\n  "auths": {\n    "x": }\n}', `${config}: invalid JSON: syntax error at line 3, column 10`],
    [config, '{"auths": 5}', `${config}: auths is malformed`],
    [registries, '{\n  "hosts": {,}\n}', `${registries}: invalid JSON: syntax error at line 2, column 13`],
    [
      registries,
      '{"hosts": {"a:1": {"insecur": true}}}',
      `${registries}: unknown key "insecur" in host a:1: did you mean "insecure"?`,
    ],
    [registries, '{"mirrors": 5}', `${registries}: mirrors is no object`],
  ] as const
  const env = { DOCKER_CONFIG: at('docker'), MILLE_CONFIG: at('settings') }
  for (const [file, text, said] of rows) {
    for (const path of [config, registries]) rmSync(path, { force: true })
    writeFileSync(file, text)
    const { code, err } = await runMille(root, ['pull', `${registry.host}/app:1`], env)
    assert.equal(err.replace(/failed to resolve reference ".*?": /, ''), `${daemon}${said}\n`)
    assert.equal(code, 1)
  }
})

test('D-G2 a variable that is wrong: its name and what it takes', async () => {
  const rows = [
    [
      ['pull', 'registry.invalid/app:1'],
      { HTTP_PROXY: 'foo://u:secret@bar' },
      'invalid HTTP_PROXY: "foo://u:***@bar" is no address of a proxy: use e.g. http://proxy:3128',
    ],
    [
      ['build', '.'],
      { MILLE_ISOLATION: 'chrot' },
      'isolation "chrot" cannot be had here: there are auto, oci and chroot',
    ],
    [
      ['build', '.'],
      { MILLE_BUILD_CACHE_MAX: 'zz' },
      'invalid MILLE_BUILD_CACHE_MAX: "zz" is neither a size nor "off"',
    ],
    [
      ['build', '.'],
      { SOURCE_DATE_EPOCH: 'abc' },
      'invalid SOURCE_DATE_EPOCH: "abc" is no number of seconds',
    ],
  ] as const
  for (const [words, env, said] of rows) {
    const { code, err } = await runMille(root, words, env)
    assert.ok(err.endsWith(`: ${said}\n`), err)
    assert.equal(code, 1)
  }
})

/** A container on a machine that lacks something: `script` takes it away, for this command only. */
function runWithout(script: string, ...words: readonly string[]): SpawnSyncReturns<string> {
  const command = ['run', '--rm', '--network', 'none', ...words]
  return spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', `${script} && exec "$@"`, at('none'), mille, ...command],
    {
      env: { ...process.env, MILLE_ROOT: root },
      encoding: 'utf8',
    },
  )
}

/** Whatever is executed there is not to be. */
const hide = (...paths: readonly (string | undefined)[]): string =>
  paths.flatMap((path) => (path === undefined ? [] : [`mount --bind "$0" ${path}`])).join(' && ')

test('D-G3 what is not on this machine is named with its package, and leaves nothing', async () => {
  writeFileSync(at('none'), '')
  await mustRun(root, 'image', 'bootstrap', 'busybox')
  const rows = [
    [
      hide(findProgram('crun'), findProgram('runc')),
      'no OCI runtime on this machine: install the Debian package crun or runc',
    ],
    [hide(findProgram('conmon')), 'conmon is not on this machine: install the Debian package conmon'],
  ] as const
  for (const [script, said] of rows) {
    const { status, stderr } = runWithout(script, 'busybox', 'true')
    assert.equal(stderr, `mille: ${daemon}${said}\n\nRun 'mille run --help' for more information\n`)
    assert.equal(status, 125)
    assert.equal(await mustRun(root, 'ps', '-aq'), '')
  }
})

test('D-G3 without control groups a container runs, and a limit is said to be ignored', () => {
  const { status, stdout, stderr } = runWithout(
    'umount -R /sys/fs/cgroup',
    '-m',
    '20m',
    'busybox',
    'echo',
    'hi',
  )
  assert.equal(stdout, 'hi\n', stderr)
  assert.match(
    stderr,
    /^WARNING: Your kernel does not support memory limit capabilities or the cgroup is not mounted/,
  )
  assert.equal(status, 0)
})
