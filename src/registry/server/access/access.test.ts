import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { SignJWT } from 'jose'
import { startRegistry } from '../../../../test/support/start-registry.ts'
import type { StartedRegistry, StartRegistryOptions } from '../../../../test/support/start-registry.ts'
import { sha256 } from '../../../oci/digest.ts'
import { mediaTypes } from '../../../oci/media-types.ts'
import { loadSigningKey } from './signing-key.ts'

const folder = mkdtempSync(join(tmpdir(), 'mille-access-'))
after(() => rmSync(folder, { recursive: true }))
const key = Buffer.alloc(32, 7)

let files = 0
function usersFile(...users: readonly string[]): string {
  const path = join(folder, `users-${files++}`)
  writeFileSync(path, users.map((user) => `${user}:${hashSync(`${user}-secret`, 4)}\n`).join(''))
  return path
}

const basic = (user: string, password = `${user}-secret`): string =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`

const access: StartRegistryOptions['access'] = [
  { repositories: ['team/**'], users: ['ann'], allow: ['read', 'create', 'update', 'delete'] },
  { repositories: ['team/**'], users: ['bob'], allow: ['read', 'create'] },
  { repositories: ['public/**'], users: ['anonymous'], allow: ['read'] },
  { repositories: ['public/**'], users: ['ann'], allow: ['create', 'update'] },
]

const start = (more: StartRegistryOptions = {}): Promise<StartedRegistry> =>
  startRegistry({ htpasswd: usersFile('ann', 'bob', 'eve'), tokens: { key }, access, ...more })

interface TokenAnswer {
  readonly token: string
  readonly access_token: string
  readonly expires_in: number
  readonly issued_at: string
  readonly refresh_token?: string
}

async function getToken(
  { url }: StartedRegistry,
  user: string,
  scope: readonly string[],
  more = '',
): Promise<TokenAnswer> {
  const query = scope.map((text) => `&scope=${encodeURIComponent(text)}`).join('')
  const headers: Record<string, string> = user === '' ? {} : { authorization: basic(user) }
  const answer = await fetch(`${url}/token?service=mille${query}${more}`, { headers })
  assert.equal(answer.status, 200)
  assert.equal(answer.headers.get('cache-control'), 'no-store')
  return (await answer.json()) as TokenAnswer
}

const bearer = async (registry: StartedRegistry, user: string, ...scope: string[]): Promise<string> =>
  `Bearer ${(await getToken(registry, user, scope)).token}`

async function send(
  { url }: StartedRegistry,
  path: string,
  authorization: string,
  { method = 'GET', body, type }: { method?: string; body?: string; type?: string } = {},
): Promise<Response> {
  const headers = {
    ...(authorization !== '' && { authorization }),
    ...(type !== undefined && { 'content-type': type }),
  }
  return fetch(`${url}/v2/${path}`, { method, headers, ...(body !== undefined && { body }) })
}

const manifest = (name: string): string =>
  JSON.stringify({
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: [],
    annotations: { name },
  })

const putTag = (registry: StartedRegistry, path: string, authorization: string, name: string) =>
  send(registry, path, authorization, { method: 'PUT', body: manifest(name), type: mediaTypes.ociIndex })

test('the challenge names token service and scope, and what it leads to is let in', async () => {
  await using registry = await start()
  const ping = await fetch(`${registry.url}/v2/`)
  assert.equal(ping.status, 401)
  assert.equal(ping.headers.get('www-authenticate'), `Bearer realm="${registry.url}/token",service="mille"`)
  const refused = await send(registry, 'team/app/blobs/uploads/', '', { method: 'POST' })
  const challenge = refused.headers.get('www-authenticate') ?? ''
  assert.equal(
    challenge,
    `Bearer realm="${registry.url}/token",service="mille",scope="repository:team/app:pull,push"`,
  )
  const { token, access_token, expires_in, issued_at } = await getToken(registry, 'ann', [
    /scope="([^"]+)"/.exec(challenge)?.[1] ?? '',
  ])
  assert.equal(token, access_token)
  assert.equal(expires_in, 300)
  assert.ok(Math.abs(Date.parse(issued_at) - Date.now()) < 3_600_000)
  const post = await send(registry, 'team/app/blobs/uploads/', `Bearer ${token}`, { method: 'POST' })
  assert.equal(post.status, 202)
  assert.equal((await send(registry, '', `Bearer ${token}`)).status, 200)
  assert.ok(registry.log.some(({ user }) => user === 'ann'))
  assert.equal((await send(registry, '', basic('ann'))).status, 200)
})

test('a realm is never made of a strange Host, and can be told', async () => {
  await using registry = await start({ publicUrl: 'https://registry.example.org' })
  const told = await fetch(`${registry.url}/v2/`)
  assert.match(told.headers.get('www-authenticate') ?? '', /realm="https:\/\/registry\.example\.org\/token"/)
})

test('a token carries what was asked for and is allowed; more is a new challenge', async () => {
  await using registry = await start()
  assert.equal((await putTag(registry, 'team/app/manifests/v1', basic('ann'), 'one')).status, 201)
  const pull = await bearer(registry, 'ann', 'repository:team/app:pull')
  assert.equal((await send(registry, 'team/app/manifests/v1', pull)).status, 200)
  for (const [path, method] of [
    ['team/app/manifests/v1', 'DELETE'],
    ['team/app/manifests/v2', 'PUT'],
    ['team/app/blobs/uploads/', 'POST'],
    ['team/other/manifests/v1', 'GET'],
    [`team/other/blobs/${sha256('x')}`, 'GET'],
  ] as const) {
    const answer = await send(registry, path, pull, { method })
    assert.equal(answer.status, 401, `${method} ${path}`)
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="insufficient_scope"/)
  }
  // push is not delete
  const push = await bearer(registry, 'ann', 'repository:team/app:pull,push')
  assert.equal((await send(registry, 'team/app/manifests/v1', push, { method: 'DELETE' })).status, 401)
  const both = await bearer(registry, 'ann', 'repository:a:pull repository:team/app:delete,fly', 'nonsense')
  assert.equal((await send(registry, 'team/app/manifests/v1', both, { method: 'DELETE' })).status, 202)
  // who has no right gets a token for nothing
  const eve = await bearer(registry, 'eve', 'repository:team/app:pull,push,delete')
  assert.equal((await send(registry, 'team/app/manifests/v1', eve)).status, 401)
  assert.equal((await send(registry, 'team/app/manifests/v1', basic('eve'))).status, 403)
})

test('whoever is not logged in may do what the rules give to everybody', async () => {
  await using registry = await start()
  assert.equal((await putTag(registry, 'public/app/manifests/v1', basic('ann'), 'one')).status, 201)
  assert.equal((await putTag(registry, 'team/app/manifests/v1', basic('ann'), 'one')).status, 201)
  const none = await bearer(registry, '', 'repository:public/app:pull,push', 'repository:team/app:pull')
  for (const authorization of ['', none]) {
    assert.equal((await send(registry, 'public/app/manifests/v1', authorization)).status, 200)
    assert.equal((await send(registry, 'team/app/manifests/v1', authorization)).status, 401)
    assert.equal((await putTag(registry, 'public/app/manifests/v2', authorization, 'two')).status, 401)
  }
  assert.equal((await send(registry, '', none)).status, 200)
})

test('refresh tokens: for a login alone, and until its password changes', async () => {
  const htpasswd = usersFile('ann', 'bob')
  await using registry = await start({ htpasswd })
  const { refresh_token } = await getToken(registry, 'ann', [], '&offline_token=true')
  assert.ok(refresh_token !== undefined)
  assert.equal((await getToken(registry, '', [], '&offline_token=true')).refresh_token, undefined)
  const post = (fields: Record<string, string>): Promise<Response> =>
    fetch(`${registry.url}/token`, { method: 'POST', body: new URLSearchParams(fields) })
  const scope = 'repository:team/app:pull'
  const refreshed = await post({ grant_type: 'refresh_token', service: 'mille', refresh_token, scope })
  assert.equal(refreshed.status, 200)
  const fresh = (await refreshed.json()) as TokenAnswer
  assert.equal(fresh.refresh_token, refresh_token)
  assert.equal((await send(registry, 'team/app/tags/list', `Bearer ${fresh.access_token}`)).status, 404)
  // one kind is not taken for the other
  assert.equal((await send(registry, '', `Bearer ${refresh_token}`)).status, 401)
  const swapped = { grant_type: 'refresh_token', refresh_token: fresh.access_token }
  assert.equal((await post(swapped)).status, 401)

  const login = { grant_type: 'password', username: 'bob', access_type: 'offline', scope }
  const logged = await post({ ...login, password: 'bob-secret' })
  assert.ok(((await logged.json()) as TokenAnswer).refresh_token !== undefined)
  assert.equal((await post({ ...login, password: 'wrong' })).status, 401)
  assert.equal((await post({ grant_type: 'client_credentials' })).status, 400)
  assert.equal((await fetch(`${registry.url}/token`, { method: 'PUT' })).status, 405)
  const wrong = { headers: { authorization: basic('ann', 'wrong') } }
  const refused = await fetch(`${registry.url}/token`, wrong)
  assert.equal(refused.status, 401)
  assert.match(refused.headers.get('www-authenticate') ?? '', /^Basic /)

  writeFileSync(htpasswd, `ann:${hashSync('another', 4)}\n`)
  assert.equal((await post({ grant_type: 'refresh_token', refresh_token })).status, 401)
})

test('C-S5, C-S7: forged and expired tokens and tokens of removed users are nothing', async () => {
  const htpasswd = usersFile('ann', 'bob')
  await using registry = await start({ htpasswd })
  const scopes = [{ type: 'repository', name: 'team/app', actions: ['pull', 'push', 'delete'] }]
  const now = Math.floor(Date.now() / 1000)
  const forge = (secret: Uint8Array, life: number, header = {}, audience = 'mille'): Promise<string> =>
    new SignJWT({ access: scopes })
      .setProtectedHeader({ alg: 'HS256', typ: 'at+jwt', ...header })
      .setIssuer('mille')
      .setAudience(audience)
      .setSubject('ann')
      .setExpirationTime(now + life)
      .sign(secret)
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
  const good = await forge(key, 60)
  const [, claims] = good.split('.')
  assert.equal((await send(registry, 'team/app/tags/list', `Bearer ${good}`)).status, 404)
  const forged = [
    await forge(Buffer.alloc(32, 8), 60),
    await forge(key, -60),
    await forge(key, 60, {}, 'another'),
    await forge(key, 60, { typ: 'rt+jwt' }),
    `${part({ alg: 'none', typ: 'at+jwt' })}.${claims}.`,
    `${part({ alg: 'HS256', typ: 'at+jwt', jwk: { kty: 'oct', k: 'AAAA' }, kid: '/dev/null' })}.${claims}.x`,
    good.slice(0, -2),
    'x',
  ]
  for (const token of forged) {
    const answer = await send(registry, 'team/app/tags/list', `Bearer ${token}`)
    assert.equal(answer.status, 401, token)
    assert.match(answer.headers.get('www-authenticate') ?? '', /error="invalid_token"/)
  }
  writeFileSync(htpasswd, `bob:${hashSync('bob-secret', 4)}\n`)
  assert.equal((await send(registry, 'team/app/tags/list', `Bearer ${good}`)).status, 401)
})

for (const driver of ['memory', 'files'] as const) {
  test(`create without update: tags stay, and of two at once one wins (${driver})`, async () => {
    await using registry = await start({ driver })
    const bob = basic('bob')
    const put = (name: string): Promise<Response> => putTag(registry, 'team/app/manifests/v1', bob, name)
    const answers = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(put))
    assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 403, 403, 403, 403])
    const won = await send(registry, 'team/app/manifests/v1', bob)
    const digest = won.headers.get('docker-content-digest')
    const winner = answers.find(({ status }) => status === 201)
    assert.equal(winner?.headers.get('docker-content-digest'), digest)
    const refused = answers.find(({ status }) => status === 403)
    assert.ok(refused)
    const { errors } = (await refused.json()) as { errors: { code: string; message: string }[] }
    assert.deepEqual(errors, [
      { code: 'DENIED', message: 'tag v1 of team/app is there already, and you may not move it' },
    ])
    // the same again changes nothing
    const { annotations } = (await won.json()) as { annotations: { name: string } }
    assert.equal((await put(annotations.name)).status, 201)
    assert.equal((await putTag(registry, 'team/app/manifests/v2', bob, 'x')).status, 201)
    assert.equal(
      (await putTag(registry, `team/app/manifests/${sha256(manifest('y'))}`, bob, 'y')).status,
      201,
    )
    assert.equal((await send(registry, 'team/app/manifests/v1', bob, { method: 'DELETE' })).status, 403)
    const ann = basic('ann')
    assert.equal((await putTag(registry, 'team/app/manifests/v1', ann, 'moved')).status, 201)
  })
}

test('C-S3, C-S4: catalog, tags, blobs and mounts show nothing that the caller may not read', async () => {
  await using registry = await start()
  const secret = 'secret layer'
  const upload = `team/app/blobs/uploads/?digest=${sha256(secret)}`
  assert.equal((await send(registry, upload, basic('ann'), { method: 'POST', body: secret })).status, 201)
  await putTag(registry, 'public/app/manifests/v1', basic('ann'), 'one')
  const catalog = async (authorization: string, query = ''): Promise<unknown> =>
    (await send(registry, `_catalog${query}`, authorization)).json()
  assert.deepEqual(await catalog(basic('ann')), { repositories: ['public/app', 'team/app'] })
  assert.deepEqual(await catalog(basic('eve')), { repositories: ['public/app'] })
  assert.deepEqual(await catalog(basic('eve'), '?last=public/app'), { repositories: [] })
  const token = await bearer(registry, 'ann', 'registry:catalog:*', 'repository:team/app:pull')
  assert.deepEqual(await catalog(token), { repositories: ['public/app', 'team/app'] })
  assert.equal((await send(registry, 'team/app/tags/list', basic('eve'))).status, 403)
  assert.equal((await send(registry, 'team/none/tags/list', basic('eve'))).status, 403)
  assert.equal((await send(registry, `public/app/blobs/${sha256(secret)}`, basic('eve'))).status, 404)
  const mount = (authorization: string): Promise<Response> =>
    send(registry, `public/app/blobs/uploads/?mount=${sha256(secret)}&from=team/app`, authorization, {
      method: 'POST',
    })
  const pushOnly = await bearer(registry, 'ann', 'repository:public/app:pull,push')
  assert.equal((await mount(pushOnly)).status, 202)
  assert.equal((await send(registry, `public/app/blobs/${sha256(secret)}`, basic('eve'))).status, 404)
  const both = await bearer(registry, 'ann', 'repository:public/app:pull,push', 'repository:team/app:pull')
  assert.equal((await mount(both)).status, 201)
})

test('rules without users: the registry is open as far as they say', async () => {
  await using registry = await startRegistry({
    access: [{ repositories: ['**'], users: ['anonymous'], allow: ['read', 'create'] }],
  })
  assert.equal((await fetch(`${registry.url}/v2/`)).status, 200)
  assert.equal((await putTag(registry, 'app/manifests/v1', '', 'one')).status, 201)
  assert.equal((await putTag(registry, 'app/manifests/v1', '', 'two')).status, 403)
  assert.equal((await send(registry, 'app/manifests/v1', '', { method: 'DELETE' })).status, 403)
})

test('the signing key is made once, for its owner alone', async () => {
  const path = join(folder, 'token.key')
  const keys = await Promise.all([loadSigningKey(path), loadSigningKey(path)])
  assert.deepEqual(keys[0], keys[1])
  assert.equal(keys[0]?.length, 32)
  assert.equal(statSync(path).mode & 0o777, 0o600)
  const open = join(folder, 'open.key')
  writeFileSync(open, Buffer.alloc(32), { mode: 0o644 })
  await assert.rejects(loadSigningKey(open), { code: 'REGISTRY_KEY_UNUSABLE' })
  const short = join(folder, 'short.key')
  writeFileSync(short, 'short', { mode: 0o600 })
  await assert.rejects(loadSigningKey(short), { code: 'REGISTRY_KEY_UNUSABLE' })
})
