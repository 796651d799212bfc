import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { bindLibc, cPath } from './libc.ts'
import { check, fromNodeError, systemFailure } from './system-failure.ts'
import { constants } from 'node:os'
import { readFileSync } from 'node:fs'

const access = bindLibc<[string | Uint8Array, number]>('access', 'int', ['const char *', 'int'])

test('a failed call becomes a MilleError with code, path and errno', () => {
  assert.throws(
    () => check(access(cPath('/no/such'), 0), 'access', '/no/such'),
    (error) =>
      isMilleError(error, 'PATH_NOT_FOUND') &&
      error.details['errno'] === 'ENOENT' &&
      error.message.includes('/no/such'),
  )
  assert.equal(access(cPath('/'), 0), 0)
})

test('a full disk is NO_SPACE', () => {
  assert.equal(systemFailure('write', constants.errno.ENOSPC, '/x').code, 'NO_SPACE')
  assert.equal(systemFailure('write', constants.errno.EDQUOT, '/x').code, 'NO_SPACE')
  assert.equal(systemFailure('write', constants.errno.EIO, '/x').code, 'SYSTEM_CALL_FAILED')
})

test("errors of Node's own fs are translated too, others pass", () => {
  try {
    readFileSync('/no/such')
    assert.fail('must throw')
  } catch (error) {
    const translated = fromNodeError(error)
    assert.ok(isMilleError(translated, 'PATH_NOT_FOUND'))
    assert.equal(translated.cause, error)
  }
  const other = new Error('x')
  assert.equal(fromNodeError(other), other)
})

test('a NUL byte in a path is refused, not cut off', () => {
  assert.throws(
    () => cPath('/tmp\0/../etc'),
    (error) => isMilleError(error, 'INVALID_ARGUMENT'),
  )
})
