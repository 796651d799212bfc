import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type CliResult, runCli } from '../../test/support/run-cli.ts'
import type { ServeRegistryOptions } from '../engine/engine.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-registry-serve-'))
after(() => rmSync(folder, { recursive: true }))
const file = join(folder, 'registry.yaml')
writeFileSync(
  file,
  'listen: 127.0.0.1:6000\nstorage: data\nauth: {htpasswd: users, anonymousPull: true}\nlimits: {uploads: 7}\n',
)

/** What the command asks the engine for, without the parts that are not settings. */
async function serve(...flags: string[]): Promise<{ result: CliResult; asked: unknown }> {
  let asked: unknown
  const result = await runCli(['registry', 'serve', ...flags], {
    registries: {
      serve: async ({ signal, onLog, ...settings }: ServeRegistryOptions) => {
        assert.equal(signal.aborted, false)
        asked = { ...settings, logs: onLog !== undefined }
        return { url: 'http://127.0.0.1:1', closed: Promise.resolve() }
      },
    },
  })
  return { result, asked }
}

test('without flags the defaults are the registry’s own', async () => {
  const { result, asked } = await serve()
  assert.deepEqual(result, { code: 0, out: 'Registry listens on http://127.0.0.1:1\n', err: '' })
  assert.deepEqual(asked, { logs: true })
})

test('the file counts, and flags count more', async () => {
  const limits = { uploads: 7 }
  const users = join(folder, 'users')
  assert.deepEqual((await serve('--config', file, '-q')).asked, {
    listen: { host: '127.0.0.1', port: 6000 },
    storage: join(folder, 'data'),
    auth: { htpasswd: users, anonymousPull: true },
    limits,
    logs: false,
  })
  const flags = [
    '--address',
    ':1',
    '--storage',
    '/s',
    '--htpasswd',
    '/u',
    '--anonymous-pull=false',
    '--delete=false',
  ]
  assert.deepEqual((await serve('-c', file, '-q', ...flags)).asked, {
    listen: { host: '0.0.0.0', port: 1 },
    storage: '/s',
    auth: { htpasswd: '/u', anonymousPull: false },
    delete: false,
    limits,
    logs: false,
  })
})

test('TLS by flags', async () => {
  assert.deepEqual((await serve('--tls-self-signed', '-q')).asked, { tls: 'self-signed', logs: false })
  const tls = { certificate: 'c.pem', key: 'k.pem' }
  assert.deepEqual((await serve('--tls-cert=c.pem', '--tls-key=k.pem', '-q')).asked, { tls, logs: false })
})

test('what is wrong is said, and nothing is served', async () => {
  const broken = join(folder, 'broken.yaml')
  writeFileSync(broken, 'storage: x\nlisen: 1\n')
  const cases = [
    [['-c', broken], `${broken}:2: unknown key "lisen": did you mean listen?`],
    [['-c', join(folder, 'none')], 'no such file or directory'],
    [['--address', 'x'], 'use HOST:PORT, e.g. 127.0.0.1:5000'],
    [['--tls-cert', 'x'], '--tls-cert and --tls-key need each other'],
    [['--tls-self-signed', '--tls-key', 'x'], '--tls-self-signed needs no --tls-cert and --tls-key'],
    [['--anonymous-pull'], '--anonymous-pull needs users: name their file with --htpasswd'],
  ] as const
  for (const [flags, message] of cases) {
    const { result, asked } = await serve(...flags)
    assert.notEqual(result.code, 0)
    assert.ok(result.err.includes(message), result.err)
    assert.equal(asked, undefined)
  }
})
