import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import type { BuildEvent, BuildResult } from '../../builder/build.ts'
import { sha256 } from '../../oci/digest.ts'
import { buildProgress, type ProgressKind } from './build-progress.ts'
import { BuildState } from './build-state.ts'
import { layerLine } from './layer-progress.ts'
import { buildLines } from './terminal-build.ts'

const miss = { reason: 'file' as const, summary: 'src/a.ts changed, 1 of 2314 files', differences: [] }
const out = (step: string, text: string, time: number): BuildEvent => ({
  type: 'output',
  step,
  stream: 'stdout',
  chunk: Buffer.from(text),
  time,
})
const events: readonly BuildEvent[] = [
  {
    type: 'plan',
    steps: [
      { id: 'a', name: 'FROM busybox', stage: 'base', place: '1/2' },
      { id: 'b', name: 'COPY . .', stage: 'base', place: '2/2' },
      { id: 'c', name: 'RUN make', stage: 'app', place: '1/1' },
    ],
  },
  { type: 'start', step: 'a', time: 0 },
  { type: 'done', step: 'a', time: 5, cached: true },
  { type: 'start', step: 'b', time: 10 },
  { type: 'miss', step: 'b', miss },
  { type: 'done', step: 'b', time: 110, cached: false },
  { type: 'start', step: 'c', time: 120 },
  out('c', 'one\ntw', 220),
  out('c', 'o \xe2', 230),
  out('c', '\n\x1b[31mred', 240),
  { type: 'warning', rule: 'StageName', message: 'odd', line: 3, url: 'https://x/', excerpt: '---\n' },
]
const result: BuildResult = {
  id: sha256('i'),
  manifest: sha256('m'),
  names: ['app:1'],
  metadata: {},
  steps: [],
  times: { total: 0, phases: [], cpu: 0 },
}

function show(kind: ProgressKind, all: readonly BuildEvent[], end?: BuildResult): string {
  const stream = new PassThrough()
  const view = buildProgress(kind, stream)
  for (const event of all) view.onEvent(event)
  view.finish(end)
  return ((stream.read() as Buffer | null) ?? '').toString()
}

test('plain: numbered steps, reasons, output by line with times', () => {
  const end: readonly BuildEvent[] = [
    { type: 'done', step: 'c', time: 1120, cached: false },
    { type: 'start', step: 'export 0', name: 'exporting to image', time: 1120 },
    { type: 'note', step: 'export 0', text: `writing image ${sha256('i')} done` },
    { type: 'note', step: 'export 0', text: 'naming to app:1 done' },
    { type: 'done', step: 'export 0', time: 1130, cached: false },
  ]
  assert.equal(
    show('plain', [...events, ...end], result),
    `#1 [base 1/2] FROM busybox
#1 CACHED

#2 [base 2/2] COPY . . (src/a.ts changed, 1 of 2314 files)
#2 DONE 0.1s

#3 [app 1/1] RUN make
#3 0.100 one
#3 0.120 two â
#3 1.000 \x1b[31mred
#3 DONE 1.0s

#4 exporting to image
#4 writing image ${sha256('i')} done
#4 naming to app:1 done
#4 DONE 0.0s

 1 warning found (use mille --debug to expand):
 - StageName: odd (line 3)
`,
  )
})

test('plain: a step that fails says so', () => {
  const text = show('plain', [
    ...events,
    { type: 'error', step: 'c', time: 300, message: 'Dockerfile:3:1\n> 3 | RUN make\nerror: exit code 3' },
  ])
  assert.match(text, /#3 0\.180 \x1b\[31mred\n#3 ERROR: exit code 3\n\n 1 warning found/)
})

test('quiet prints nothing; rawjson one object a line', () => {
  assert.equal(show('quiet', events, result), '')
  const lines = show('rawjson', events, result).trimEnd().split('\n')
  assert.equal(lines.length, events.length + 1)
  assert.deepEqual(JSON.parse(lines[7] ?? ''), {
    type: 'output',
    step: 'c',
    stream: 'stdout',
    chunk: 'one\ntw',
    time: 220,
  })
  assert.equal((JSON.parse(lines.at(-1) ?? '') as { type: string }).type, 'result')
})

test('the live view never is higher than the terminal and shows running steps first', () => {
  const state = new BuildState()
  const steps = Array.from({ length: 40 }, (_, index) => ({
    id: String(index),
    name: `RUN ${index}`,
    stage: '',
    place: `${index + 1}/40`,
  }))
  state.apply({ type: 'plan', steps })
  for (const { id } of steps.slice(0, 38)) {
    state.apply({ type: 'start', step: id, time: 0 })
    if (id !== '3') state.apply({ type: 'done', step: id, time: 1, cached: false })
  }
  for (let line = 0; line < 50; line++) state.apply(out('3', `line ${line}\n`, 5))
  const lines = buildLines(state, { elapsed: 2000, width: 60, height: 12, final: false })
  assert.equal(lines.length <= 12, true)
  assert.match(lines[0] ?? '', /^\[\+\] Building 2\.0s \(37\/40\)$/)
  assert.match(lines[1] ?? '', /^ => \[4\/40\] RUN 3 +2\.0s$/)
  assert.equal(lines[2], ' => => # line 44')
  assert.match(lines.at(-1) ?? '', /RUN 37/)
  for (const line of lines) assert.equal(line.length <= 60, true)
})

test('output of a step cannot steer the terminal', () => {
  const state = new BuildState()
  state.apply({ type: 'start', step: 'x', time: 0 })
  state.apply(out('x', 'a\x1b[2Jb\x07\x9b1mc\tz\n', 1))
  const lines = buildLines(state, { elapsed: 1, width: 60, height: 12, final: false })
  assert.equal(lines[2], ' => => # ab1mc  z')
})

test('layer lines fit the terminal', () => {
  const event = { id: 'abc', status: 'Downloading', current: 500_000, total: 1_000_000 }
  assert.equal(layerLine(event, 80), 'abc: Downloading  500kB/1MB')
  assert.equal(layerLine(event, 120), `abc: Downloading [${'='.repeat(25)}>${' '.repeat(25)}]  500kB/1MB`)
  assert.equal(layerLine({ id: 'abc', status: 'Pull complete' }, 8), 'abc: Pul')
})
