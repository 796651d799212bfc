import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { hostPlatform } from '../oci/platform.ts'
import { failure } from '../util/errors.ts'
import type { BuildStep } from './plan/step.ts'
import { runSteps } from './schedule.ts'

const position = { line: 1, column: 1 }

function step(id: string, parent?: string, source?: string): BuildStep {
  const origin =
    source === undefined ? ({ kind: 'context' } as const) : ({ kind: 'step', step: source } as const)
  const op = {
    kind: 'copy',
    origin,
    sources: [],
    files: [],
    destination: '/',
    intoFolder: true,
    exclude: [],
    parents: false,
  } as const
  const fixed = {
    name: id,
    stage: 's',
    range: { start: position, end: position },
    lineage: id,
    platform: hostPlatform(),
  }
  return { id, op, ...fixed, ...(parent === undefined ? {} : { parent }) }
}

test('inputs first, independent steps side by side, never more than the limit', async () => {
  const steps = [step('a'), step('b'), step('c', 'a'), step('d', 'b', 'c'), step('e')]
  const done: string[] = []
  let running = 0
  let most = 0
  await runSteps(steps, 2, undefined, async ({ id }) => {
    most = Math.max(most, ++running)
    await delay(5)
    running--
    done.push(id)
  })
  assert.equal(most, 2)
  assert.equal(done.length, 5)
  assert.ok(done.indexOf('c') > done.indexOf('a'))
  assert.ok(done.indexOf('d') > done.indexOf('c') && done.indexOf('d') > done.indexOf('b'))
})

test('the first failure wins, others are stopped, what needs it never starts', async () => {
  const begun: string[] = []
  const work = async ({ id }: BuildStep, signal: AbortSignal): Promise<void> => {
    begun.push(id)
    if (id === 'bad') throw failure('STEP_FAILED', { text: 'bad' })
    await delay(10_000, undefined, { signal })
  }
  const steps = [step('slow'), step('bad'), step('after', 'bad')]
  await assert.rejects(runSteps(steps, 4, undefined, work), { code: 'STEP_FAILED' })
  assert.deepEqual(begun, ['slow', 'bad'])
})

test('an abort from outside is CANCELED', async () => {
  const stop = new AbortController()
  const pending = runSteps([step('a')], 1, stop.signal, async (_, signal) => {
    stop.abort()
    await delay(10_000, undefined, { signal })
  })
  await assert.rejects(pending, { code: 'CANCELED' })
})
