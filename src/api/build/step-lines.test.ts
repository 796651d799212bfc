import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { BuildEvent } from '../../builder/build.ts'
import { stepLines } from './step-lines.ts'

function tell(events: readonly BuildEvent[]): string {
  let told = ''
  const view = stepLines(({ stream }) => void (told += String(stream)))
  for (const event of events) view.onEvent(event)
  view.finish()
  return told
}

const step = (id: string, name: string) => ({ id, name, stage: 'a', place: '1/1' })
const output = (id: string, text: string): BuildEvent => ({
  type: 'output',
  step: id,
  stream: 'stdout',
  chunk: Buffer.from(text),
  time: 0,
})
const done = (id: string, cached: boolean): BuildEvent => ({ type: 'done', step: id, time: 0, cached })
const plan: BuildEvent = {
  type: 'plan',
  steps: [step('f', 'FROM x'), step('a', 'RUN a'), step('b', 'RUN b')],
}

test('steps that run at the same time are told one after the other, in the order of the plan', () => {
  const told = tell([
    plan,
    output('b', 'b1\n'),
    done('f', true),
    output('a', 'a1\n'),
    done('b', false),
    output('a', 'a2\n'),
    done('a', false),
  ])
  assert.equal(told, 'Step 1/3 : FROM x\nStep 2/3 : RUN a\na1\na2\nStep 3/3 : RUN b\nb1\n')
})

test('a cached step says so, but a base is always there', () => {
  assert.equal(
    tell([plan, done('f', true), done('a', true), done('b', true)]),
    'Step 1/3 : FROM x\nStep 2/3 : RUN a\n ---> Using cache\nStep 3/3 : RUN b\n ---> Using cache\n',
  )
})

test('behind a step that failed nothing is told; what a waiting one said is told at the end', () => {
  const failed: BuildEvent = { type: 'error', step: 'b', time: 0, message: 'no' }
  assert.equal(
    tell([plan, done('f', true), output('b', 'why\n'), failed]),
    'Step 1/3 : FROM x\nStep 2/3 : RUN a\nwhy\n',
  )
  const first: BuildEvent = { type: 'error', step: 'a', time: 0, message: 'no' }
  assert.equal(
    tell([plan, done('f', true), first, output('b', 'late\n')]),
    'Step 1/3 : FROM x\nStep 2/3 : RUN a\n',
  )
})
