import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { HostGate, backOff, isPassingStatus, pause, retryAfter } from './retry.ts'

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z')
  assert.equal(retryAfter('3', now), 3000)
  assert.equal(retryAfter('86400', now), 86_400_000)
  assert.equal(retryAfter('Thu, 01 Jan 2026 00:00:10 GMT', now), 10_000)
  assert.equal(retryAfter('Thu, 01 Jan 2025 00:00:00 GMT', now), 0)
  for (const text of [undefined, '', 'soon', '-1', '1e9999', '9'.repeat(400)]) {
    assert.equal(retryAfter(text, now), undefined, text)
  }
})

test('pauses double up to the longest, and are never the same for all', () => {
  const policy = { attempts: 5, delay: 100, maxDelay: 300, stall: 1000 }
  for (const [attempt, full] of [
    [1, 100],
    [2, 200],
    [3, 300],
    [9, 300],
  ] as const) {
    const values = Array.from({ length: 50 }, () => backOff(policy, attempt))
    assert.ok(values.every((value) => value >= full / 2 && value <= full))
    assert.ok(new Set(values).size > 1)
  }
})

test('what passes and what does not', () => {
  assert.ok([408, 429, 500, 502, 503, 504].every(isPassingStatus))
  assert.ok(![200, 301, 400, 401, 403, 404, 405, 413, 416, 501].some(isPassingStatus))
})

suite('waiting', () => {
  test('ends with the reason of the signal', async () => {
    const stop = new AbortController()
    const gate = new HostGate()
    gate.close(60_000)
    const waiting = [gate.pass(stop.signal), pause(60_000, stop.signal)]
    stop.abort(new Error('enough'))
    for (const wait of waiting) await assert.rejects(wait, /enough/)
  })

  test('an open gate lets everybody pass', async () => {
    await new HostGate().pass(undefined)
  })
})
