import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { resolve } from 'node:path'
import { after, before, test } from 'node:test'
import type { DebugWish } from '../../src/builder/build.ts'
import { isMilleError, type MilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'
import { testMille } from '../support/mille.ts'

let builds: CopyBuilds
before(async () => {
  builds = await openCopyBuilds()
})
after(async () => {
  await builds[Symbol.asyncDispose]()
})

/** Builds what must fail; the error and the ID that its step is kept under. */
async function fail(
  lines: readonly string[],
  options: Parameters<CopyBuilds['build']>[1] = {},
): Promise<{ readonly error: MilleError; readonly id: string }> {
  const error = await builds.build(lines, options).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(isMilleError(error, 'STEP_FAILED'))
  return { error, id: String(error.details['debug']) }
}

async function debug(
  id: string | undefined,
  script: string,
  wish: Partial<DebugWish> = {},
): Promise<{ readonly code: number; readonly out: string; readonly missing: readonly string[] }> {
  let out = ''
  let missing: readonly string[] = []
  const { exitCode } = await builds.tool.builder.debug(id, {
    command: ['sh', '-c', script],
    io: { onOutput: (_, chunk) => (out += chunk.toString()) },
    onOpen: (step) => (missing = step.missing),
    ...wish,
  })
  return { code: exitCode, out, missing }
}

const text =
  (value: string): (() => Promise<Uint8Array>) =>
  () =>
    Promise.resolve(Buffer.from(value))

test('files, variables, mounts, user and folder are those of the step', async () => {
  builds.write('ctx/a', 'from the context')
  const mounts =
    '--mount=type=bind,source=ctx,target=/ctx --mount=type=cache,id=debug,target=/cache,uid=1000 --mount=type=tmpfs,target=/tmpfs'
  const { error, id } = await fail([
    'FROM busybox',
    'RUN mkdir /work && chown 1000 /work',
    'ENV E=environment',
    'ARG A=argument',
    'USER 1000',
    'WORKDIR /work',
    `RUN ${mounts} echo partial > file; echo kept > /cache/c; exit 3`,
  ])
  assert.deepEqual(error.message.split('\n').slice(-2), [
    `note: its files are kept until the next build, at most 24 hours: mille debug ${id} opens a shell there`,
    'note: what came before it is cached: building again begins with this step',
  ])
  // the context is not what it was
  builds.write('ctx/a', 'changed')
  const script = 'id -u; pwd; cat file /ctx/a /cache/c; echo; echo $E $A; ls /tmpfs; touch /tmpfs/x; exit 9'
  const { code, out } = await debug(id, script)
  assert.equal(code, 9)
  assert.deepEqual(out.trim().split('\n'), [
    '1000',
    '/work',
    'partial',
    'from the contextkept',
    '',
    'environment argument',
  ])
  await debug(id.slice(0, 6), 'echo mine > /work/mine')
  assert.equal((await debug(undefined, 'cat mine')).out, 'mine\n', 'what was changed stays')
})

test('without a command its own shell is opened, and reads what it is given', async () => {
  const { Readable } = await import('node:stream')
  const { id } = await fail(['FROM busybox', 'SHELL ["/bin/sh", "-e", "-c"]', 'RUN exit 4'])
  let out = ''
  const { exitCode } = await builds.tool.builder.debug(id, {
    io: {
      onOutput: (_, chunk) => (out += chunk.toString()),
      stdin: Readable.from(['echo $-; false; echo no']),
    },
  })
  assert.match(out, /e.*\n$/)
  assert.equal(exitCode, 1)
})

test('secrets are not kept: they are there when they are given again', async () => {
  const lines = ['FROM busybox', 'RUN --mount=type=secret,id=token,env=TOKEN,required=true exit 1']
  const secrets = [{ id: 'token', read: text('hunter2') }]
  const { id } = await fail(lines, { secrets })
  const rows = JSON.stringify(builds.tool.store.records('failed-step').list())
  assert.doesNotMatch(rows, /hunter2/)
  assert.deepEqual(await debug(id, 'echo "<$TOKEN>"'), { code: 0, out: '<>\n', missing: ['secret token'] })
  assert.deepEqual(await debug(id, 'echo "<$TOKEN>"', { secrets }), {
    code: 0,
    out: '<hunter2>\n',
    missing: [],
  })
})

test('the next build of the Dockerfile takes it away, and prune does', async () => {
  const failing = ['FROM busybox', 'RUN exit 1']
  const { id } = await fail(failing)
  const { store, builder } = builds.tool
  const keys = async (): Promise<number> =>
    (await store.snapshots.list()).filter(({ key }) => key.endsWith(id)).length
  assert.equal(await keys(), 1)
  await store.collect()
  assert.equal(await keys(), 1, 'the collector knows that it is wanted')
  await builds.build(['FROM busybox', 'RUN echo fine'])
  assert.equal(await keys(), 0)
  await assert.rejects(debug(id, 'true'), { code: 'NO_FAILED_STEP' })
  const again = await fail(failing)
  const row = (await builder.cacheUsage()).find(({ type }) => type === 'exec.failed')
  assert.deepEqual([row?.id, row?.description], [again.id, 'files of the failed step RUN exit 1'])
  await builder.prune({ all: false })
  await assert.rejects(debug(again.id, 'true'), { code: 'NO_FAILED_STEP' })
  const forgotten = await fail(failing, { forgetFailures: true })
  assert.equal(forgotten.error.details['debug'], undefined)
  assert.deepEqual(store.records('failed-step').list(), [])
})

test('while somebody looks at it nobody else works there, and it is not taken away', async () => {
  const { id } = await fail(['FROM busybox', 'RUN exit 1'])
  let opened: () => void = () => undefined
  const isOpen = new Promise<void>((resolve) => (opened = resolve))
  const looking = debug(id, 'while [ ! -e /stop ]; do sleep 0.05; done; echo seen', {
    onOpen: () => opened(),
  })
  await isOpen
  await assert.rejects(debug(id, 'true'), { code: 'FAILED_STEP_BUSY' })
  await builds.build(['FROM busybox', 'RUN echo fine'])
  const { path } = await builds.tool.store.snapshots.mount(
    (await builds.tool.store.snapshots.list()).find(({ key }) => key.endsWith(id))?.key ?? '',
  )
  const { writeFileSync } = await import('node:fs')
  writeFileSync(`${path}/stop`, '')
  assert.equal((await looking).out, 'seen\n')
})

test('a step that is not used for a day goes with the next build of anything', async () => {
  const { id } = await fail(['FROM busybox', 'RUN exit 1'])
  const records = builds.tool.store.records<{ lastUsedAt: number; scope: string }>('failed-step')
  records.update(id, (data) => ({ ...data, scope: 'other', lastUsedAt: Date.now() - 23 * 3600 * 1000 }))
  await builds.build(['FROM busybox', 'RUN echo fine'])
  assert.equal(records.list().length, 1)
  records.update(id, (data) => ({ ...data, lastUsedAt: Date.now() - 25 * 3600 * 1000 }))
  await builds.build(['FROM busybox', 'RUN echo fine'])
  assert.deepEqual(records.list(), [])
})

test('on a terminal: a shell of its own terminal, and the exit code comes back', () => {
  using mille = testMille()
  mille.ok('image', 'bootstrap', 'busybox')
  const { code, err } = mille.run(['build', '-'], { input: 'FROM busybox\nRUN echo partial > /file; exit 3' })
  assert.equal(code, 1)
  const [, id = ''] = /mille debug ([0-9a-f]{12}) /.exec(err) ?? []
  const piped = mille.run(['debug', id], { input: 'cat /file; exit 6' })
  assert.deepEqual([piped.code, piped.out], [6, 'partial\n'])
  const program = resolve(import.meta.dirname, '../../bin/mille')
  const line = `(sleep 1; echo "tty; stty size; cat /file; exit 7"; sleep 1) | script -qec 'stty rows 33 cols 99; exec ${program} debug' /dev/null`
  const env = { ...process.env, MILLE_ROOT: mille.root }
  const { status, stdout } = spawnSync('sh', ['-c', line], { env, timeout: 60_000 })
  const out = stdout.toString()
  assert.equal(status, 7, out)
  assert.match(out, /RUN echo partial > \/file; exit 3: exit code 3, .* ago\r\n/)
  assert.match(out, /\/dev\/pts\/0\r\n33 99\r\npartial\r\n/)
})
