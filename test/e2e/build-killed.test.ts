import { strict as assert } from 'node:assert'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { until } from '../support/until.ts'

/** Numbers of the processes that run exactly these words. */
function processesOf(words: string): string[] {
  return readdirSync('/proc').filter((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/cmdline`, 'latin1') === words
    } catch {
      return false
    }
  })
}

test('the RUN step of a build that was killed ends with the next command, whichever it is', async () => {
  using mille = testMille()
  const context = mkdtempSync(join(tmpdir(), 'mille-killed-'))
  try {
    mille.ok('image', 'bootstrap', 'busybox')
    const seconds = String(100_000 + process.pid)
    writeFileSync(join(context, 'Dockerfile'), `FROM busybox\nRUN ["sleep", "${seconds}"]\n`)
    const words = `sleep\0${seconds}\0`
    const build = mille.start('build', '--network', 'none', context)
    await until(() => processesOf(words).length > 0)
    build.kill('SIGKILL')
    await once(build, 'exit')
    assert.equal(processesOf(words).length, 1)
    mille.ok('ps')
    assert.deepEqual(processesOf(words), [])
  } finally {
    rmSync(context, { recursive: true })
  }
})

/** A build in chroot isolation whose step has a secret, which it copied, and then waits. */
async function buildWithSecret(
  use: (given: { mille: TestMille; secret: string; sleeper: number; kill(): Promise<void> }) => Promise<void>,
): Promise<void> {
  using mille = testMille()
  const context = mkdtempSync(join(tmpdir(), 'mille-killed-'))
  try {
    mille.ok('image', 'bootstrap', 'busybox')
    const secret = randomBytes(16).toString('hex')
    const seconds = String(200_000 + process.pid)
    writeFileSync(join(context, 'secret'), secret)
    writeFileSync(join(context, '.dockerignore'), 'secret\n')
    const run = `RUN --mount=type=secret,id=k cp /run/secrets/k /copied; exec sleep ${seconds}`
    writeFileSync(join(context, 'Dockerfile'), `FROM busybox\n${run}\n`)
    const flags = ['--isolation', 'chroot', '--secret', `id=k,src=${context}/secret`]
    const build = mille.start('build', ...flags, context)
    const words = `sleep\0${seconds}\0`
    await until(() => processesOf(words).length > 0)
    const kill = async (): Promise<void> => {
      const ended = once(build, 'exit')
      build.kill('SIGKILL')
      await ended
    }
    await use({ mille, secret, sleeper: Number(processesOf(words)[0]), kill })
    assert.deepEqual(processesOf(words), [])
    writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN true\n')
    mille.ok('build', context)
    assert.deepEqual(filesWith(secret, mille.root), [])
    assert.deepEqual(readdirSync(join(mille.root, 'snapshots/copies')), [])
  } finally {
    rmSync(context, { recursive: true })
  }
}

function filesWith(text: string, folder: string): string[] {
  const { stdout } = spawnSync('grep', ['-rlsaFD', 'skip', text, folder])
  return stdout.toString().split('\n').filter(Boolean)
}

const isSecretFile = (path: string): boolean => path.endsWith('/run/secrets/k')

test('a killed build in chroot isolation: its secret goes at once, what the step made of it with the next build', async () => {
  await buildWithSecret(async ({ mille, secret, kill }) => {
    assert.equal(filesWith(secret, mille.root).filter(isSecretFile).length, 1)
    await kill()
    await until(() => !filesWith(secret, mille.root).some(isSecretFile))
  })
})

test('a killed build in chroot isolation whose keeper was killed, too: its secret goes with the next command', async () => {
  await buildWithSecret(async ({ mille, secret, sleeper, kill }) => {
    const keeper = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${sleeper}/status`, 'utf8'))?.[1])
    process.kill(keeper, 'SIGSTOP')
    await kill()
    process.kill(keeper, 'SIGKILL')
    assert.equal(filesWith(secret, mille.root).filter(isSecretFile).length, 1)
    mille.ok('ps')
    assert.deepEqual(filesWith(secret, mille.root).filter(isSecretFile), [])
  })
})
