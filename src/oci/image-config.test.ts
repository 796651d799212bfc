import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { sha256 } from './digest.ts'
import { parseImageConfig } from './image-config.ts'

const config = {
  created: '2024-01-02T03:04:05.123456789Z',
  architecture: 'amd64',
  os: 'linux',
  config: {
    Env: ['PATH=/bin'],
    Entrypoint: null,
    Cmd: ['sh'],
    Labels: null,
    ExposedPorts: { '80/tcp': {} },
    Healthcheck: { Test: ['CMD', 'true'], Interval: 3e9 },
  },
  rootfs: { type: 'layers', diff_ids: [sha256('x')] },
  history: [{ created: '2024-01-02T03:04:05Z', created_by: 'x', empty_layer: true }],
}
const bytes = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))

test('known fields are kept, nulls are absent, unknown fields are left out', () => {
  const parsed = parseImageConfig(bytes({ ...config, container: 'abc', docker_version: '28' }))
  const { Entrypoint: _, Labels: __, ...container } = config.config
  assert.deepEqual(parsed, { ...config, config: container })
})

test('an image of no layers', () => {
  const parsed = parseImageConfig(
    bytes({ ...config, rootfs: { type: 'layers', diff_ids: null }, config: null }),
  )
  assert.deepEqual(parsed.rootfs.diff_ids, [])
  assert.equal(parsed.config, undefined)
})

test('labels named __proto__ are data', () => {
  const raw = JSON.stringify(config).replace('"Labels":null', '"Labels":{"__proto__":"p"}')
  const labels = parseImageConfig(Buffer.from(raw)).config?.Labels
  assert.deepEqual(Object.entries(labels ?? {}), [['__proto__', 'p']])
})

suite('refuses', () => {
  const inner = (field: object): Buffer => bytes({ ...config, config: { ...config.config, ...field } })
  const cases: readonly (readonly [string, Buffer, string?])[] = [
    ['null', bytes(null)],
    ['rootfs null', bytes({ ...config, rootfs: null })],
    ['rootfs of another type', bytes({ ...config, rootfs: { type: 'zip', diff_ids: [] } })],
    ['no architecture', bytes({ ...config, architecture: undefined })],
    ['a bad diff id', bytes({ ...config, rootfs: { type: 'layers', diff_ids: ['x'] } }), 'DIGEST_INVALID'],
    ['Env a string', inner({ Env: 'A=b' })],
    ['Cmd of numbers', inner({ Cmd: [1] })],
    ['Labels a list', inner({ Labels: ['a'] })],
    ['Volumes a list', inner({ Volumes: ['/data'] })],
    ['history of strings', bytes({ ...config, history: ['x'] })],
    ['created no time', bytes({ ...config, created: 'yesterday' })],
    ['config a string', bytes({ ...config, config: 'x' })],
  ]
  for (const [name, raw, code = 'MANIFEST_INVALID'] of cases) {
    test(name, () => assert.throws(() => parseImageConfig(raw), { name: 'MilleError', code }))
  }
})
