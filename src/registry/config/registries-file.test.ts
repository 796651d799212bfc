import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseRegistriesFile, readRegistriesFile } from './registries-file.ts'

const parse = (value: unknown): ReturnType<typeof parseRegistriesFile> =>
  parseRegistriesFile(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)), '/r.json')

test('mirrors, blocked registries and hosts', () => {
  const { mirrors, blocked, hosts } = parse({
    mirrors: { 'docker.io': ['http://m1:5000', { url: 'm2.test/hub', pull: 'digest' }] },
    blocked: ['*.bad.test'],
    hosts: { 'Own.test:5000': { insecure: true }, 'tls.test': { ca: '/ca', cert: '/cert', key: '/key' } },
  })
  assert.deepEqual(
    mirrors.get('docker.io')?.map(({ url, pull }) => [url.href, pull]),
    [
      ['http://m1:5000/', 'all'],
      ['https://m2.test/hub', 'digest'],
    ],
  )
  assert.deepEqual(blocked, ['*.bad.test'])
  assert.deepEqual(
    [...hosts],
    [
      ['own.test:5000', { insecure: true }],
      ['tls.test', { ca: '/ca', cert: '/cert', key: '/key' }],
    ],
  )
})

test('what it does not understand it refuses, and says where', () => {
  const cases: readonly (readonly [unknown, RegExp])[] = [
    ['{', /\/r\.json: .*syntax error at line 1/],
    ['{"hosts":{},"hosts":{}}', /doubled key/],
    [[], /the file is no object/],
    [{ mirror: {} }, /unknown key "mirror" in the file: did you mean "mirrors"\?/],
    [{ mirrors: { 'docker.io': 'http://m' } }, /mirrors of docker\.io is no list/],
    [{ mirrors: { 'docker.io': ['http://u:p@m'] } }, /mirror "http:\/\/u:p@m"/],
    [{ mirrors: { 'docker.io': [{ url: 'm.test', pull: 'some' }] } }, /pull of mirror m\.test/],
    [{ mirrors: { 'https://docker.io': [] } }, /is no prefix/],
    [{ blocked: ['a//b'] }, /is no prefix/],
    [{ hosts: { 'a/b': {} } }, /is no host/],
    [{ hosts: { a: { insecure: 'yes' } } }, /insecure of a/],
    [{ hosts: { a: { ca: 'relative' } } }, /ca of a is no absolute path/],
    [{ hosts: { a: { cert: '/c' } } }, /cert and key of a belong together/],
  ]
  for (const [value, message] of cases) {
    assert.throws(() => parse(value), { code: 'REGISTRIES_FILE_INVALID', message }, JSON.stringify(value))
  }
})

test('no file is no rules', async () => {
  assert.equal(await readRegistriesFile(['/nowhere/registries.json', '/dev/null/registries.json']), undefined)
})
