import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { parseSignal } from './signals.ts'

test('names with and without SIG, in any case, numbers, and real-time signals', () => {
  assert.deepEqual(
    ['SIGTERM', 'term', '15', 'KILL', 'RTMIN+3', 'SIGRTMAX-1'].map(parseSignal),
    [15, 15, 15, 9, 37, 63],
  )
})

test('an unknown signal is an error with the nearest name', () => {
  assert.throws(
    () => parseSignal('SIGTREM'),
    (error) => isMilleError(error, 'SIGNAL_INVALID') && /SIGTERM/.test(error.message),
  )
  assert.throws(
    () => parseSignal('65'),
    (error) => isMilleError(error, 'SIGNAL_INVALID'),
  )
})
