import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { BuildRequest, BuildResult, StepReport } from '../builder/build.ts'
import { sha256 } from '../oci/digest.ts'
import { runCli, type CliResult } from '../../test/support/run-cli.ts'

const step = (
  name: string,
  begun: number,
  milliseconds: number,
  rest: Partial<StepReport> = {},
): StepReport => ({
  name,
  stage: 'app',
  cached: false,
  begun,
  milliseconds,
  bytes: 0,
  ...rest,
})

const result: BuildResult = {
  id: sha256('image'),
  names: [],
  metadata: {},
  steps: [
    step('FROM busybox', 30.4, 1.2, { cached: true, critical: true }),
    step('RUN make', 31.6, 1000, { cpu: 1900, bytes: 3_100_000, critical: true }),
    step('COPY . .', 31.6, 400, {
      bytes: 2048,
      miss: { reason: 'file', summary: 'a changed', differences: [] },
    }),
  ],
  times: {
    total: 1040.6,
    phases: [
      { name: 'reading', begun: 0, milliseconds: 10.4 },
      { name: 'planning', begun: 10.4, milliseconds: 20 },
      { name: 'steps', begun: 30.4, milliseconds: 1001.2 },
      { name: 'export', begun: 1031.6, milliseconds: 9 },
    ],
    cpu: 120,
  },
}

async function build(...args: readonly string[]): Promise<CliResult & { readonly request: BuildRequest }> {
  let request: BuildRequest | undefined
  const builder = {
    build: (asked: BuildRequest) => {
      request = asked
      return Promise.resolve(result)
    },
  }
  const ran = await runCli(['build', '-q', ...args], { builder })
  assert.ok(request)
  return { ...ran, request }
}

test('--profile: a row for each step, sums that are the whole time', async () => {
  const { err, request } = await build('--profile', '.')
  assert.equal(request.measured, true)
  assert.equal(
    err,
    `  STEP              START    TIME     CPU      ADDED
* #1 FROM busybox   0.030s   0.001s                     CACHED
* #2 RUN make       0.032s   1.000s   1.900s   3.1MB
  #3 COPY . .       0.032s   0.400s            2.05kB

total 1.041s = reading 0.010s + planning 0.020s + steps 1.002s + export 0.009s
steps: 1.401s added up, 1.001s with one or more at work, * 1.001s on the critical path
CPU: 1.900s in RUN steps, 0.120s in mille
`,
  )
})

test('--profile FILE.json: steps side by side are on lines of their own', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-trace-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'trace.json')
  const { err } = await build('--profile', path, '.')
  assert.equal(err, '')
  const { traceEvents } = JSON.parse(readFileSync(path).toString()) as {
    traceEvents: readonly { name: string; ph: string; tid: number; ts: number; dur: number; args: unknown }[]
  }
  const spans = traceEvents.filter(({ ph }) => ph === 'X')
  assert.deepEqual(
    spans.map(({ name, tid, ts, dur }) => [name, tid, ts, dur]),
    [
      ['reading', 0, 0, 10_400],
      ['planning', 0, 10_400, 20_000],
      ['steps', 0, 30_400, 1_001_200],
      ['export', 0, 1_031_600, 9000],
      ['FROM busybox', 1, 30_400, 1200],
      ['RUN make', 1, 31_600, 1_000_000],
      ['COPY . .', 2, 31_600, 400_000],
    ],
  )
  assert.deepEqual(spans.at(-1)?.args, {
    stage: 'app',
    cached: false,
    bytes: 2048,
    critical: false,
    why: 'a changed',
  })
})

test('without the flag nothing is measured or printed', async () => {
  const { err, request } = await build('.')
  assert.deepEqual([err, request.measured], ['', false])
})
