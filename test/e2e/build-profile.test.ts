import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { BuildResult } from '../../src/builder/build.ts'
import type { TestBuilder } from '../support/open-builder.ts'
import { openTestBuilder } from '../support/open-builder.ts'

let tool: TestBuilder
let context: string
before(async () => {
  tool = await openTestBuilder()
  context = mkdtempSync(join(tmpdir(), 'mille-profile-'))
  const lines = [
    'FROM busybox AS a',
    'RUN i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i > /a',
    'FROM busybox',
    'COPY --from=a /a /',
    'RUN cat /a',
  ]
  writeFileSync(join(context, 'Dockerfile'), lines.join('\n'))
})
after(async () => {
  await tool[Symbol.asyncDispose]()
  rmSync(context, { recursive: true })
})

const build = (measured: boolean): Promise<BuildResult> =>
  tool.build({ context: { kind: 'folder', path: context }, measured })

test('phases fill the whole time, steps lie within theirs, the critical path has no overlap', async () => {
  const { steps, times } = await build(true)
  let end = 0
  for (const phase of times.phases) {
    assert.equal(phase.begun, end)
    end += phase.milliseconds
  }
  assert.equal(end, times.total)
  const phase = times.phases.find(({ name }) => name === 'steps')
  assert.ok(phase)
  for (const { begun, milliseconds } of steps) {
    assert.ok(begun >= phase.begun)
    assert.ok(begun + milliseconds <= phase.begun + phase.milliseconds)
  }
  const critical = steps.filter((step) => step.critical)
  assert.equal(critical.at(-1)?.name, 'RUN cat /a')
  for (const [index, step] of critical.entries()) {
    const before = critical[index - 1]
    assert.ok(before === undefined || before.begun + before.milliseconds <= step.begun)
  }
})

test('CPU time of RUN steps is counted when it is asked for', async () => {
  await tool.builder.prune({ all: true })
  const [first] = (await build(true)).steps.filter(({ name }) => name.startsWith('RUN i=0'))
  assert.ok(first?.cpu !== undefined && first.cpu > 0)
  assert.ok(first.bytes > 0)
  const again = await build(true)
  assert.deepEqual(
    again.steps.flatMap(({ cpu }) => cpu ?? []),
    [],
    'what was cached used none',
  )
  assert.equal(again.steps.find(({ name }) => name.startsWith('RUN i=0'))?.bytes, first.bytes)
  await tool.builder.prune({ all: true })
  assert.deepEqual(
    (await build(false)).steps.flatMap(({ cpu }) => cpu ?? []),
    [],
  )
})
