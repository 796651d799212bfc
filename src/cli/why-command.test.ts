import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildReport, StepReport } from '../builder/build.ts'
import { fakeImageDetails, fakeNow } from '../../test/support/fake-engine.ts'
import { runCli, type CliResult } from '../../test/support/run-cli.ts'

const step = (name: string, rest: Partial<StepReport> = {}): StepReport => ({
  name,
  stage: 'stage-0',
  cached: false,
  begun: 0,
  milliseconds: 5,
  bytes: 0,
  ...rest,
})

const report: BuildReport = {
  builtAt: fakeNow - 300_000,
  dockerfile: 'Dockerfile',
  steps: [
    step('FROM busybox', { cached: true }),
    step('COPY . .', {
      miss: {
        reason: 'file',
        summary: '.git/HEAD changed, 1 of 9 files',
        differences: Array.from({ length: 12 }, (_, index) => ({
          kind: 'file' as const,
          name: `.git/${index}`,
          before: 'old',
          after: 'new\x1b[2J',
        })),
        more: 3,
        advice: { file: '.dockerignore', line: '.git' },
      },
    }),
    step('RUN make', { miss: { reason: 'input', summary: 'because of COPY . .', differences: [] } }),
  ],
}

function why(args: readonly string[], kept: BuildReport | undefined = report): Promise<CliResult> {
  const details = fakeImageDetails('app:latest')
  return runCli(['why', ...args], {
    images: { inspect: () => Promise.resolve(details) },
    builder: { report: () => Promise.resolve(kept) },
  })
}

test('each step with its reason, the first differences and the line that would help', async () => {
  const { out } = await why(['app'])
  const lines = out.split('\n')
  assert.equal(lines[0], 'app was built 5 minutes ago from Dockerfile: 1 of 3 steps cached')
  assert.deepEqual(lines.slice(1, 5), [
    '#1 CACHED FROM busybox',
    '#2 RAN    COPY . .',
    '   file: .git/HEAD changed, 1 of 9 files',
    '     ~ .git/0: old -> new\\x1b[2J',
  ])
  assert.deepEqual(lines.slice(14), [
    '     and 5 more',
    '   with the line ".git" at the end of .dockerignore this step stays cached',
    '#3 RAN    RUN make',
    '   input: because of COPY . .',
    '',
  ])
})

test('one step by number or by its words, with all that is known', async () => {
  assert.equal((await why(['app', '2'])).out, (await why(['app', 'COPY'])).out)
  assert.match((await why(['app', '2'])).out, /\.git\/11: old.*\n.*and 3 more/)
  assert.deepEqual(await why(['app', '7']), {
    code: 1,
    out: '',
    err: 'there is no step 7: they go from 1 to 3\n',
  })
  assert.equal((await why(['app', 'ADD'])).err, 'no step has "ADD" in its instruction\n')
})

test('as JSON', async () => {
  const { out } = await why(['--json', 'app', '3'])
  const { names, built, steps } = JSON.parse(out) as Record<string, unknown>
  assert.deepEqual([names, built], [['app:latest'], '2026-11-21T08:16:12.000Z'])
  assert.deepEqual(steps, [{ number: 3, ...report.steps[2] }])
})

test('an image that was not built here has no reasons', async () => {
  const details = fakeImageDetails('app:latest')
  const { code, err } = await runCli(['why', 'app'], {
    images: { inspect: () => Promise.resolve(details) },
    builder: { report: () => Promise.resolve(undefined) },
  })
  assert.equal(code, 1)
  assert.equal(err, 'app was not built here: there is nothing to tell about it\n')
})
