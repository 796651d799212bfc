import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { parseChallenges } from './challenge.ts'

const plain = (header: string | readonly string[]): unknown =>
  parseChallenges(header).map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)])

suite('parseChallenges', () => {
  const cases: readonly (readonly [string | readonly string[], unknown])[] = [
    ['Basic realm="r"', [['basic', { realm: 'r' }]]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:x:pull,push"',
      [['bearer', { realm: 'https://a/t', service: 's', scope: 'repository:x:pull,push' }]],
    ],
    [
      'Negotiate, Bearer realm = "a, b" , error=invalid_token, Basic realm="q\\"r"',
      [
        ['negotiate', {}],
        ['bearer', { realm: 'a, b', error: 'invalid_token' }],
        ['basic', { realm: 'q"r' }],
      ],
    ],
    [
      ['Basic realm=x', 'Bearer realm=y'],
      [
        ['basic', { realm: 'x' }],
        ['bearer', { realm: 'y' }],
      ],
    ],
    [
      'NTLM abc+/==, Basic realm=x',
      [
        ['ntlm', {}],
        ['basic', { realm: 'x' }],
      ],
    ],
    ['Bearer realm="first", realm="second"', [['bearer', { realm: 'first' }]]],
    ['Bearer realm="open', [['bearer', {}]]],
    ['', []],
    ['=,=,"', []],
  ]
  for (const [header, expected] of cases) {
    test(JSON.stringify(header), () => assert.deepEqual(plain(header), expected))
  }
  test('a flood of challenges is cut', () => {
    assert.ok(parseChallenges('Basic realm=x, '.repeat(10_000)).length <= 10)
  })
})
