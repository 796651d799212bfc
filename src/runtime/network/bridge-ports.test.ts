import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { choosePorts } from './bridge-ports.ts'

const binding = { hostIp: '127.0.0.9', containerPort: 80, protocol: 'tcp' } as const

test('of a range the first port that nobody has is taken, and the range is not kept', () => {
  const others = [
    { ...binding, hostPort: 4, id: 'one' },
    { ...binding, hostPort: 5, id: 'two' },
  ]
  const range = { ...binding, hostPort: 4, lastHostPort: 7 }
  assert.deepEqual(choosePorts(others, [range, range], false), [
    { ...binding, hostPort: 6 },
    { ...binding, hostPort: 7 },
  ])
  assert.throws(
    () => choosePorts(others, [{ ...range, lastHostPort: 5 }], false),
    (error) => isMilleError(error, 'PORT_IN_USE') && error.message.includes('127.0.0.9:5'),
  )
})
