import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from './errors.ts'
import { runProgram, tryProgram } from './run-program.ts'

test('output and input pass through', async () => {
  const { stdout } = await runProgram('cat', [], { input: 'hello' })
  assert.equal(stdout.toString(), 'hello')
})

test('a failing program is an error that carries its words', async () => {
  await assert.rejects(runProgram('sh', ['-c', 'echo broken >&2; exit 3']), (error) => {
    assert(isMilleError(error, 'PROGRAM_FAILED'))
    assert.match(error.message, /broken/)
    return true
  })
})

test('a missing program is an error, not a crash', async () => {
  await assert.rejects(runProgram('no-such-program-here', []), (error) =>
    isMilleError(error, 'PROGRAM_FAILED'),
  )
})

test('tryProgram gives the exit code, and at most the limit of output', async () => {
  const result = await tryProgram('sh', ['-c', 'echo 123456789; exit 4'], { limit: 4 })
  assert.deepEqual([result.exitCode, result.stdout.toString()], [4, '1234'])
})
