import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { exposedPorts } from './exposed-ports.ts'

const ports = (...texts: readonly string[]): string[] =>
  exposedPorts({ ExposedPorts: Object.fromEntries(texts.map((text) => [text, {}])) }).map(
    ({ containerPort, protocol }) => `${containerPort}/${protocol}`,
  )

suite('exposed ports of an image, for run -P', () => {
  test('numbers, ranges and protocols, each port once', () => {
    assert.deepEqual(ports(), [])
    assert.deepEqual(ports('80', '080/tcp', '53/UDP', '1-3/tcp', '65535/tcp'), [
      '80/tcp',
      '53/udp',
      '1/tcp',
      '2/tcp',
      '3/tcp',
      '65535/tcp',
    ])
  })

  for (const text of [
    '',
    '/tcp',
    'a',
    '0',
    '-1',
    '99999',
    '65536/tcp',
    '3-1',
    '80-',
    '80/tcp/udp',
    '8 0',
    '1e2',
  ])
    test(`"${text}" is no port`, () => {
      assert.throws(() => ports('80', text), {
        code: 'EXPOSED_PORT_INVALID',
        message: `the image exposes port "${text}": a port is a number from 1 to 65535, or a range of them`,
      })
    })

  test('protocols that cannot be published are named', () => {
    for (const name of ['foo', 'sctp'])
      assert.throws(() => ports(`80/${name}`), {
        message: `the image exposes port "80/${name}": protocol ${name} cannot be published, only tcp and udp`,
      })
  })

  test('more than can be published at once, and text that would spoil the terminal', () => {
    assert.equal(ports('1001-2000').length, 1000)
    assert.throws(() => ports('1-65535'), /"1-65535": more than 1000 ports cannot be published at once/)
    assert.throws(
      () => ports(`\u001b[31m${'x'.repeat(5000)}`),
      ({ message }: Error) => {
        assert.match(message, /"\\u001b\[31mx+": /)
        return message.length < 300
      },
    )
  })
})
