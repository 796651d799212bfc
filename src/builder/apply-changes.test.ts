import assert from 'node:assert/strict'
import { test } from 'node:test'
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
  for (const change of ['RUN true', 'COPY a b', 'ADD a b', 'ARG X', 'COPPY x', 'foo x']) {
    assert.throws(
      () => applyChanges({}, [change]),
      { code: 'CHANGE_NOT_ALLOWED', message: `${change.split(' ', 1)[0]} is not a valid change command` },
      change,
    )
  }
  assert.throws(() => applyChanges({}, ['CMD x', 'EXPOSE abc']), {
    code: 'CHANGE_INVALID',
    message: 'invalid change "EXPOSE abc": invalid port "abc": must be a number or a range first-last',
  })
})
