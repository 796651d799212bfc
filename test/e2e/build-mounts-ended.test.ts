import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { storeStateFolder } from '../../src/engine/state-folder.ts'
import { readText } from '../../src/util/read-text.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import type { TestMille } from '../support/mille.ts'
import { testMille } from '../support/mille.ts'

let builds: CopyBuilds

before(async () => {
  builds = await openCopyBuilds()
  const { privateKey } = generateKeyPairSync('ed25519')
  builds.write('key', privateKey.export({ type: 'pkcs8', format: 'pem' }).toString())
  builds.write('secret', 'secret value')
  builds.write(
    'Dockerfile',
    [
      'FROM busybox',
      'RUN --mount=type=cache,id=c,target=/c mkdir -p /c/in',
      'RUN --mount=type=cache,id=c,source=in,target=/c --mount=type=secret,id=s,env=S,target=/s --mount=type=ssh --mount=target=/ctx,rw sleep 1000 & echo begun; wait',
    ].join('\n'),
  )
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

/** A build whose second step is at work, with a mount of every kind that something must be undone for. */
async function begin(mille: TestMille): Promise<{ kill(signal: NodeJS.Signals): Promise<number | null> }> {
  const file = (name: string): string => join(builds.context, name)
  const flags = ['--secret', `id=s,src=${file('secret')}`, '--ssh', `default=${file('key')}`]
  const child = mille.start('build', '--progress=plain', ...flags, builds.context)
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
  await new Promise<void>((resolve) => {
    // not the line that names the step
    child.stderr?.on('data', (chunk: Buffer) => {
      if (/\d begun\n/.test(chunk.toString())) resolve()
    })
    child.once('close', () => resolve())
  })
  return {
    kill(signal) {
      child.kill(signal)
      return ended
    },
  }
}

function nothingIsLeft(mille: TestMille): void {
  const state = join(storeStateFolder(mille.root), 'steps')
  const mounts = readText('/proc/self/mountinfo').split('\n')
  assert.deepEqual(existsSync(state) ? readdirSync(state) : [], [])
  assert.deepEqual(readdirSync(join(mille.root, 'builds')), [])
  assert.deepEqual(readdirSync(join(mille.root, 'snapshots/active')), [])
  assert.deepEqual(
    mounts.filter((line) => line.includes(state) || line.includes(join(mille.root, 'builds'))),
    [],
  )
}

test('Ctrl-C: exit 130, and every mount, socket and secret is gone (B-BD-2)', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const running = await begin(mille)
  const began = performance.now()
  assert.equal(await running.kill('SIGINT'), 130)
  assert.ok(performance.now() - began < 10_000)
  nothingIsLeft(mille)
  assert.match(mille.ok('builder', 'du', '--filter', 'type=exec.cachemount'), /true/)
})

test('kill -9: the next build takes away what was left, and the cache is as it was (B-BD-1)', async () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const running = await begin(mille)
  await running.kill('SIGKILL')
  const input =
    'FROM busybox\nRUN --mount=type=cache,id=c,sharing=locked,target=/c ls /c; touch /c/later; ls /proc/[0-9]*/comm | wc -l'
  const next = mille.run(['build', '--progress=plain', '-'], { input })
  assert.equal(next.code, 0, next.err)
  assert.match(next.err, /\d in\n/)
  nothingIsLeft(mille)
})

test('exit code, signal and lack of memory: build exits with 1 and says which (B-BD-4)', () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const run = (command: string, ...flags: readonly string[]): string => {
    const { code, err } = mille.run(['build', '--progress=plain', '--force-rm', ...flags, '-'], {
      input: `FROM busybox\nRUN ${command}`,
    })
    assert.equal(code, 1)
    return err.trim().split('\n').at(-1) ?? ''
  }
  assert.match(run('exit 7'), /did not complete successfully: exit code: 7$/)
  assert.match(run("sh -c 'kill -15 $$'; exit $?"), /killed by signal 15, exit code: 143$/)
  assert.match(
    run('tail /dev/zero', '-m', '30m'),
    /killed \(out of memory, limit 31457280 bytes\), exit code: 137$/,
  )
  assert.equal(mille.ok('builder', 'du').split('\n').length, 5, 'no row for a step that failed')
})

test('limits of the command line hold for each step, and are no part of its key (B92)', (t) => {
  t.after(removeParent)
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const input =
    'FROM busybox\nRUN cat /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; grep Cpus_allowed_list /proc/self/status; cat /proc/self/cgroup'
  const flags = [
    '-m',
    '64m',
    '--cpuset-cpus',
    '0',
    '--cpu-shares',
    '512',
    '--cgroup-parent',
    '/mille-test-parent',
  ]
  const first = mille.run(['build', '--progress=plain', ...flags, '-'], { input })
  assert.equal(first.code, 0, first.err)
  assert.match(first.err, /67108864/)
  assert.match(first.err, /Cpus_allowed_list:\t0\n/)
  assert.match(first.err, /\/mille-test-parent\/mille\/|0::\/\n/)
  const second = mille.run(['build', '--progress=plain', '-m', '128m', '-'], { input })
  assert.match(second.err, /CACHED[\s\S]*CACHED/)
})

/** The group that the test named is the user's: mille leaves it. */
function removeParent(): void {
  const top = '/sys/fs/cgroup'
  for (const folder of [top, ...readdirSync(top).map((name) => join(top, name))]) {
    const parent = join(folder, 'mille-test-parent')
    if (existsSync(parent)) rmdirSync(parent)
  }
}
