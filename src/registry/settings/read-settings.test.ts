import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import { readRegistrySettings, parseRegistrySettings } from './read-settings.ts'

const parse = (text: string): unknown => parseRegistrySettings(text, '/etc/mille/registry.yaml')

test('an empty file says nothing; a whole one says everything', () => {
  assert.deepEqual(parse(''), {})
  assert.deepEqual(parse('# nothing yet\n'), {})
  const text = `
listen: "[::1]:5001"
storage: data
delete: false
publicUrl: https://registry.example.org
tls: { certificate: tls/cert.pem, key: /keys/key.pem }
auth: { htpasswd: ../users, anonymousPull: true, tokens: true, signingKey: k, tokenLifetime: 2m, refreshLifetime: 30d }
access:
  - repositories: [team/**]
    users: [ann, "*"]
    allow: [read, create]
limits: { uploads: 50, uploadLifetime: 7d, connectionsPerAddress: 10, idleTimeout: 90s, headerTimeout: 500ms }
`
  assert.deepEqual(parse(text), {
    listen: { host: '::1', port: 5001 },
    storage: '/etc/mille/data',
    delete: false,
    publicUrl: 'https://registry.example.org',
    tls: { certificate: '/etc/mille/tls/cert.pem', key: '/keys/key.pem' },
    auth: {
      htpasswd: '/etc/users',
      anonymousPull: true,
      tokens: true,
      signingKey: '/etc/mille/k',
      tokenLifetime: 120_000,
      refreshLifetime: 30 * 86_400_000,
    },
    access: [{ repositories: ['team/**'], users: ['ann', '*'], allow: ['read', 'create'] }],
    limits: {
      uploads: 50,
      uploadLifetime: 604_800_000,
      connectionsPerAddress: 10,
      idleTimeout: 90_000,
      headerTimeout: 500,
    },
  })
  assert.deepEqual(parse('listen: 5000'), { listen: { host: '127.0.0.1', port: 5000 } })
  assert.deepEqual(parse('listen: ":80"'), { listen: { host: '0.0.0.0', port: 80 } })
})

test('a bucket', () => {
  const text =
    'bucket: { name: images, region: eu-central-1, endpoint: "http://127.0.0.1:9000", pathStyle: true, prefix: r/ }'
  assert.deepEqual(parse(text), {
    bucket: {
      name: 'images',
      region: 'eu-central-1',
      endpoint: 'http://127.0.0.1:9000',
      pathStyle: true,
      prefix: 'r/',
    },
  })
})

test('an address for those who watch, and webhooks', () => {
  const text = 'operations: 5001\nwebhooks: [{url: "https://a/b", headers: {x: y}, actions: [push]}]'
  assert.deepEqual(parse(text), {
    operations: { host: '127.0.0.1', port: 5001 },
    webhooks: [{ url: 'https://a/b', headers: { x: 'y' }, actions: ['push'] }],
  })
})

test('upstreams', () => {
  const text = `
upstreams:
  - registry: docker.io
  - { registry: "host:5000", prefix: team/host, fresh: 1h, username: ann, passwordFile: secret }
`
  assert.deepEqual(parse(text), {
    upstreams: [
      { registry: 'docker.io' },
      {
        registry: 'host:5000',
        prefix: 'team/host',
        fresh: 3_600_000,
        username: 'ann',
        passwordFile: '/etc/mille/secret',
      },
    ],
  })
})

test('collection and retention', () => {
  const text = `
gc: { interval: off, grace: 10m }
retention:
  - { repositories: [team/**], tags: ["v*"], keepTags: [latest], keepLast: 3, keepPulledWithin: 1d, untagged: 7d }
  - { repositories: ["**"], keepPushedWithin: 2h }
`
  assert.deepEqual(parse(text), {
    gc: { interval: 'off', grace: 600_000 },
    retention: [
      {
        repositories: ['team/**'],
        tags: ['v*'],
        keepTags: ['latest'],
        keepLast: 3,
        keepPulledWithin: 86_400_000,
        untagged: 604_800_000,
      },
      { repositories: ['**'], keepPushedWithin: 7_200_000 },
    ],
  })
})

const wrong: readonly (readonly [text: string, message: string])[] = [
  ['\nlistn: 5000', '2: unknown key "listn": did you mean listen?'],
  ['\n\nfoo: 1', '3: unknown key "foo": known are listen, storage,'],
  ['auth:\n  htpaswd: x', '2: unknown key "htpaswd" in auth: did you mean htpasswd?'],
  [
    'auth:\n  htpasswd: x\n  anonymouspull: true',
    '3: unknown key "anonymouspull" in auth: did you mean anonymousPull?',
  ],
  ['auth:\n  anonymousPull: true', '2: auth.htpasswd: needs a path'],
  ['delete: yes please', '1: delete: needs true or false'],
  ['limits:\n  uploads: many', '2: limits.uploads: needs a whole number'],
  ['limits:\n  uploads: 0', '2: limits.uploads: needs a number from 1 on'],
  [
    'limits: {uploadLifetime: 1 week}',
    '1: limits.uploadLifetime: "1 week" is no time: use e.g. 30s, 10m, 24h or 7d',
  ],
  ['limits: {idleTimeout: 5}', '1: limits.idleTimeout: needs a time, e.g. 30s, 10m, 24h or 7d'],
  ['listen: localhost', '1: listen: "localhost" is no address: use HOST:PORT, e.g. 127.0.0.1:5000'],
  ['listen: a:99999', '1: listen: "a:99999" is no address'],
  ['bucket:\n  name: images', '2: bucket.region: needs text'],
  ['bucket:\n  name: a\n  regon: b', '3: unknown key "regon" in bucket: did you mean region?'],
  ['bucket: {name: a, region: b, endpoint: c}', '1: bucket.endpoint: needs http://HOST:PORT or https://HOST'],
  [
    'storage: x\nbucket: {name: a, region: b}',
    '2: bucket: there is a folder already: leave out storage or bucket',
  ],
  ['gc: {interval: never}', '1: gc.interval: needs a time, e.g. 24h, or "off"'],
  [
    'retention:\n - repositories: [a]\n   keeplast: 3',
    '3: unknown key "keeplast" in retention.0: did you mean keepLast?',
  ],
  ['tls: yes', '1: tls: needs certificate and key (PEM files), or self-signed'],
  ['tls: {certificate: x}', '1: tls: needs certificate and key (PEM files), or self-signed'],
  [
    'publicUrl: example.org/x',
    '1: publicUrl: needs https://HOST or http://HOST, with a port and without a path',
  ],
  [
    'auth: {htpasswd: x}\naccess:\n - users: [a]\n   repositories: [x]\n   allow: [push]',
    '5: access.0.allow.0: needs read,',
  ],
  [
    'auth: {htpasswd: x}\naccess:\n - users: [a]\n   repositories: [X]\n   allow: [read]',
    '4: access.0.repositories.0: needs a pattern',
  ],
  ['auth: {htpasswd: x}\naccess:\n - user: [a]', '3: unknown key "user" in access.0: did you mean users?'],
  [
    'access:\n - users: [ann]\n   repositories: [x]\n   allow: [read]',
    '2: access.0.users: names users, but there is no auth.htpasswd',
  ],
  ['webhooks: [{url: a}]', '1: webhooks.0.url: needs http://… or https://…'],
  [
    'webhooks: [{url: "http://a", actions: [pushed]}]',
    '1: webhooks.0.actions.0: needs push, pull, delete, mount',
  ],
  ['upstreams: docker.io', '1: upstreams: needs a list'],
  [
    'upstreams:\n  - registry: a\n  - registy: b',
    '3: unknown key "registy" in upstreams.1: did you mean registry?',
  ],
  [
    'upstreams: [{registry: a, prefix: ../b}]',
    '1: upstreams.0.prefix: needs the beginning of a repository name',
  ],
  ['upstreams: [{registry: a, username: b}]', '1: upstreams.0: username and passwordFile belong together'],
  ['delete: true\ndelete: false', '2: Map keys must be unique'],
  ['- a\n- b', '1: Invalid input: expected object'],
  ['a: [1', '1: '],
]

for (const [text, message] of wrong) {
  test(`wrong: ${JSON.stringify(text)}`, () => {
    assert.throws(
      () => parse(text),
      (error) => {
        assert.ok(isMilleError(error, 'REGISTRY_CONFIG_INVALID'), String(error))
        assert.ok(error.message.startsWith(`/etc/mille/registry.yaml:${message}`), error.message)
        return true
      },
    )
  })
}

test('a bomb of aliases is refused', () => {
  const bomb = [
    'a: &a [x,x,x,x,x,x,x,x,x]',
    ...'bcdefgh'.split('').map((name, index) => {
      const before = 'abcdefg'[index]
      return `${name}: &${name} [${Array.from({ length: 9 }, () => `*${before}`).join(',')}]`
    }),
  ].join('\n')
  assert.throws(() => parse(bomb), { code: 'REGISTRY_CONFIG_INVALID' })
})

test('a file that is not there is named', async () => {
  await assert.rejects(readRegistrySettings('/nowhere/registry.yaml'), { code: 'PATH_NOT_FOUND' })
})
