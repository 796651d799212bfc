import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'
import { until } from '../support/until.ts'

interface Health {
  readonly Status: string
  readonly FailingStreak: number
  readonly Log: readonly { readonly ExitCode: number; readonly Output: string }[]
}

describe('health checks asked for through the API', () => {
  let mille: TestMille
  let api: TestApi
  before(async () => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    api = await serveApi(mille)
  })
  after(async () => {
    await api.stop()
    mille[Symbol.dispose]()
  })

  const inspect = (name: string, field: string): unknown =>
    JSON.parse(api.ok('inspect', '-f', `{{json ${field}}}`, name))

  async function becomes(name: string, status: string): Promise<Health> {
    const read = (): Health => inspect(name, '.State.Health') as Health
    await until(
      () => read().Status === status,
      () => `${status}: ${JSON.stringify(read())}`,
    )
    return read()
  }

  test('docker run --health-cmd becomes healthy and unhealthy, as ps and inspect show', async () => {
    const check = ['--health-cmd', 'echo asked; test ! -e /bad', '--health-interval', '50ms']
    const others = ['--health-timeout', '30s', '--health-retries', '2', '--network', 'none']
    api.ok('run', '-d', '--name', 'web', ...check, ...others, 'busybox', 'sleep', '1000')
    assert.deepEqual(inspect('web', '.Config.Healthcheck'), {
      Test: ['CMD-SHELL', 'echo asked; test ! -e /bad'],
      Interval: 50_000_000,
      Timeout: 30_000_000_000,
      Retries: 2,
    })
    const { FailingStreak, Log } = await becomes('web', 'healthy')
    assert.equal(FailingStreak, 0)
    assert.deepEqual([Log[0]?.ExitCode, Log[0]?.Output], [0, 'asked\n'])
    assert.match(
      api.ok('ps', '-f', 'health=healthy', '--format', '{{.Names}} {{.Status}}'),
      /^web .*\(healthy\)$/,
    )
    api.ok('exec', 'web', 'touch', '/bad')
    assert.ok((await becomes('web', 'unhealthy')).FailingStreak >= 2)
    api.ok('rm', '-f', 'web')
  })

  test('a command without a shell is asked as it is; NONE asks nothing, and a wrong time is refused', async () => {
    const create = async (name: string, healthcheck: unknown): Promise<{ status: number; body: string }> =>
      await api.call('POST', `/v1.51/containers/create?name=${name}`, {
        Image: 'busybox',
        Cmd: ['sleep', '1000'],
        HostConfig: { NetworkMode: 'none' },
        Healthcheck: healthcheck,
      })
    const words = ['CMD', 'sh', '-c', 'echo "$0"', 'a  b']
    assert.equal((await create('words', { Test: words, StartPeriod: 60e9, StartInterval: 50e6 })).status, 201)
    api.ok('start', 'words')
    assert.equal((await becomes('words', 'healthy')).Log[0]?.Output, 'a  b\n')
    assert.equal((await create('none', { Test: ['NONE'] })).status, 201)
    api.ok('start', 'none')
    assert.equal(inspect('none', '.State.Health'), null)
    const bad = await create('bad', { Test: words, Interval: 999 })
    assert.deepEqual(
      [bad.status, JSON.parse(bad.body)],
      [400, { message: 'Interval in Healthcheck cannot be less than 1ms' }],
    )
    api.ok('rm', '-f', 'words', 'none')
  })
})
