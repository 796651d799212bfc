import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { RestartPolicy } from '../containers.ts'
import type { ContainerData } from '../record.ts'
import { checkRestartPolicy, remainingDelay, restartDelay } from './restart-policy.ts'

const policy = (name: RestartPolicy['name'], maximumRetryCount = 0): RestartPolicy => ({
  name,
  maximumRetryCount,
})

function delay(
  restartPolicy: RestartPolicy,
  exit: { readonly code: number; readonly ran?: number },
  more: Partial<ContainerData> = {},
): number | undefined {
  const data = { request: { restartPolicy }, startedAt: 1000, ...more } as ContainerData
  return restartDelay(data, { code: exit.code, finishedAt: 1000 + (exit.ran ?? 5), oomKilled: false })
}

test('which end leads to a new start', () => {
  assert.equal(delay(policy('no'), { code: 1 }), undefined)
  assert.equal(delay(policy('always'), { code: 0 }), 100)
  assert.equal(delay(policy('unless-stopped'), { code: 0 }), 100)
  assert.equal(delay(policy('on-failure'), { code: 0 }), undefined)
  assert.equal(delay(policy('on-failure'), { code: 1 }, { restartCount: 1000 }), 100)
  assert.equal(delay(policy('on-failure', 2), { code: 1 }, { restartCount: 1 }), 100)
  assert.equal(delay(policy('on-failure', 2), { code: 1 }, { restartCount: 2 }), undefined)
  assert.equal(delay(policy('always'), { code: 137 }, { isStopped: true }), undefined)
})

test('B-RN-14 waits double from 100 ms to a minute, and begin anew after ten seconds of running', () => {
  const waits: number[] = []
  for (let lastDelay: number | undefined; waits.length < 12; waits.push(lastDelay ?? 0)) {
    lastDelay = delay(
      policy('always'),
      { code: 1 },
      waits.length === 0 ? {} : { lastDelay: waits.at(-1) ?? 0 },
    )
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  assert.equal(delay(policy('always'), { code: 1, ran: 10_000 }, { lastDelay: 60_000 }), 100)
})

test('B-RN-12 a clock that is set while a start is awaited makes the wait no longer than it was', () => {
  const planned = { restart: { at: 10_400 }, lastDelay: 400 }
  assert.equal(remainingDelay(planned, 10_000), 400)
  assert.equal(remainingDelay(planned, 10_300), 100)
  assert.equal(remainingDelay(planned, 99_999_999), 0)
  assert.equal(remainingDelay(planned, 0), 400)
})

test('policies that cannot be', () => {
  checkRestartPolicy({ restartPolicy: policy('on-failure', 3), autoRemove: false })
  checkRestartPolicy({ restartPolicy: policy('no'), autoRemove: true })
  for (const [one, autoRemove, message] of [
    [
      policy('sometimes' as 'no'),
      false,
      "unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or",
    ],
    [policy('always', 3), false, "maximum retry count can only be used with 'on-failure'"],
    [policy('on-failure', -1), false, 'maximum retry count cannot be negative'],
    [policy('always'), true, 'AutoRemove is enabled'],
  ] as const) {
    assert.throws(
      () => checkRestartPolicy({ restartPolicy: one, autoRemove }),
      (error: Error) => error.message.includes(message),
    )
  }
})
