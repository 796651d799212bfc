import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildErrorText, errorSummary } from './build-error.ts'

const excerpt = 'Dockerfile:2:1\n   1 | FROM a\n>  2 | RUN x\n     | ^^^^^'

test('the place and its reason come first, the reason again in the last line, which begins with ERROR', () => {
  const message = `${excerpt}\nerror: exit code: 3`
  assert.equal(buildErrorText(message), `${message}\nERROR: failed to build: exit code: 3\n`)
  assert.equal(errorSummary(message), 'exit code: 3')
})

test('a message of one line stays one; of several problems the last line counts them', () => {
  assert.equal(buildErrorText('no Dockerfile in /a'), 'ERROR: failed to build: no Dockerfile in /a\n')
  const two = `${excerpt}\nerror: one\n\n${excerpt}\nerror: two`
  assert.equal(buildErrorText(two), `${two}\nERROR: failed to build: 2 errors\n`)
  assert.equal(errorSummary(two), '2 errors')
  const printed = `------\n > RUN cc:\nerror: from cc\n------\n${excerpt}\nerror: exit code: 1`
  assert.equal(errorSummary(printed), 'exit code: 1')
})
