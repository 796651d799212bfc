import assert from 'node:assert/strict'
import { test } from 'node:test'
import { likelyLocal } from './base-images.ts'

test('a name that is near one that is here', () => {
  const names = [
    'docker.io/library/mybase:1',
    'docker.io/library/busybox:latest',
    'localhost:5000/team/app:v2',
  ]
  for (const [meant, name] of [
    ['mybase:1', 'mybasee'],
    ['mybase:1', 'mybase:2'],
    ['mybase:1', 'mybaze:1'],
    ['busybox', 'busybx'],
    ['localhost:5000/team/app:v2', 'localhost:5000/team/ap:v2'],
    [undefined, 'node'],
    [undefined, 'busybox'],
    [undefined, `busybox@sha256:${'0'.repeat(64)}`],
  ])
    assert.equal(likelyLocal(names, name ?? ''), meant, name)
})
