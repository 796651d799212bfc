import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compileGlob, hasWildcard, matchPath } from './glob.ts'
import {
  checkMode,
  checkOwner,
  checkPlatform,
  checkReference,
  checkSignal,
  parseDuration,
  parsePorts,
} from './values.ts'

test('ports: number, range, protocol, host part dropped', () => {
  assert.deepEqual(parsePorts('80'), { first: 80, last: 80, protocol: 'tcp' })
  assert.deepEqual(parsePorts('127.0.0.1:8080:53/UDP'), { first: 53, last: 53, protocol: 'udp' })
  assert.deepEqual(parsePorts('8000-8010/sctp'), { first: 8000, last: 8010, protocol: 'sctp' })
  for (const text of ['0', '65536', '9-1', 'abc', '80/foo', '80/tcp/x', '', '-1'])
    assert.ok('reason' in parsePorts(text), text)
})

test('durations in nanoseconds', () => {
  assert.equal(parseDuration('1m30s'), 90e9)
  assert.equal(parseDuration('1.5h'), 5400e9)
  assert.equal(parseDuration('0'), 0)
  for (const text of ['1', '-1s', '1x', '', '999us', '1s2', '9999999h'])
    assert.equal(typeof parseDuration(text), 'object', text)
})

test('modes, owners, signals', () => {
  for (const text of ['0', '755', '07777', 'u=rwX,go=rX', '+x', 'a-w'])
    assert.equal(checkMode(text), undefined, text)
  for (const text of ['99x', '10000', '777777', 'u', 'u=q', '']) assert.ok(checkMode(text), text)
  for (const text of ['0', 'app:app', '1000:1000']) assert.equal(checkOwner(text), undefined, text)
  for (const text of ['', ':', 'a:', 'a:b:c', '4294967295']) assert.ok(checkOwner(text), text)
  for (const text of ['9', 'TERM', 'sigint', 'SIGRTMIN+3']) assert.equal(checkSignal(text), undefined, text)
  assert.equal(checkSignal('SIGTREM')?.suggestion, 'SIGTERM')
  assert.ok(checkSignal('65'))
})

test('platforms and references', () => {
  for (const text of ['linux/amd64', 'linux/arm/v7', 'arm64', 'linux', 'windows(10.0.17763)/amd64']) {
    assert.equal(checkPlatform(text), undefined, text)
  }
  assert.equal(checkPlatform('linux/amd46')?.suggestion, 'linux/amd64')
  assert.ok(checkPlatform('linux/amd64/v1/x'))
  const digest = `sha256:${'0'.repeat(64)}`
  for (const text of [
    'a',
    'localhost/a',
    'host:5000/a/b_c:T-1',
    `a:1@${digest}`,
    'Host.example/a',
    'scratch',
  ]) {
    assert.equal(checkReference(text), undefined, text)
  }
  for (const text of ['A', 'a:', 'a@sha256:12', 'a//b', '-a', 'a:b:c/', `a@md5:${'0'.repeat(32)}`])
    assert.ok(checkReference(text), text)
})

test('path patterns as in Go', () => {
  assert.ok(matchPath('a*/[b-d]?.txt', 'axx/c1.txt'))
  assert.ok(matchPath('arr[[]0].txt', 'arr[0].txt'))
  assert.ok(!matchPath('*', 'a/b'))
  assert.ok(!matchPath('a**b', 'a/b'))
  assert.throws(() => compileGlob('[a'))
  assert.ok(hasWildcard('a[b]') && !hasWildcard('a.b'))
})
