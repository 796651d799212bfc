import assert from 'node:assert/strict'
import { test } from 'node:test'
import { killQuietly } from './kill-quietly.ts'

test('init, the own group and everybody are never killed; one that has ended is no error', ({ mock }) => {
  const killed: number[] = []
  mock.method(process, 'kill', (pid: number) => {
    killed.push(pid)
    throw new Error('ESRCH')
  })
  for (const pid of [1, 0, -1, Number.NaN, 2, -2]) killQuietly(pid)
  assert.deepEqual(killed, [2, -2])
})
