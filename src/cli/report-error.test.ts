import { strict as assert } from 'node:assert'
import { test } from 'node:test'
import { failure } from '../util/errors.ts'
import { reportError } from './report-error.ts'

test('where cleaning up failed too, the error of the work itself is told', () => {
  const work = failure('NO_SUCH_IMAGE', { reference: 'app:1' })
  const both = new SuppressedError(
    new Error('the cleaning'),
    work,
    'An error was suppressed during disposal.',
  )
  assert.deepEqual(reportError(both, { path: 'mille commit' }), reportError(work, { path: 'mille commit' }))
})
