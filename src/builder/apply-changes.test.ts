import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../util/errors.ts'
import { applyChanges } from './apply-changes.ts'

test('changes act on a config as a Dockerfile would', () => {
  const changed = applyChanges({ Env: ['A=1'], Cmd: ['old'], WorkingDir: '/srv' }, [
    'ENV B=$A-2',
    'CMD ["new", "x"]',
    'EXPOSE 80',
    'WORKDIR sub',
    'LABEL a="b c"',
    'ENTRYPOINT /entry',
  ])
  assert.deepEqual(changed.Env, ['A=1', 'B=1-2'])
  assert.deepEqual(changed.Cmd, ['new', 'x'])
  assert.deepEqual(changed.Entrypoint, ['/bin/sh', '-c', '/entry'])
  assert.deepEqual(Object.keys(changed.ExposedPorts ?? {}), ['80/tcp'])
  assert.equal(changed.WorkingDir, '/srv/sub')
  assert.deepEqual(changed.Labels, { a: 'b c' })
})

test('instructions that need files, and nonsense, are refused', () => {
  for (const change of ['RUN true', 'COPY a b', 'ADD a b', 'ARG X']) {
    assert.throws(
      () => applyChanges({}, [change]),
      (error) => isMilleError(error, 'CHANGE_NOT_ALLOWED'),
      change,
    )
  }
  assert.throws(
    () => applyChanges({}, ['COPPY x']),
    (error) => isMilleError(error, 'DOCKERFILE_INVALID'),
  )
})
