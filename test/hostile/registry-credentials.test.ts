import assert from 'node:assert/strict'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { inspect } from 'node:util'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import { sha256 } from '../../src/oci/digest.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import { Authorizer } from '../../src/registry/client/authorizer.ts'
import { Exchange } from '../../src/registry/client/exchange.ts'
import type { Answer } from '../../src/registry/client/exchange.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import type { Login, RegistryClient, Repository } from '../../src/registry/repository.ts'
import { scriptedServer } from '../support/scripted-server.ts'
import type { ScriptedServer } from '../support/scripted-server.ts'

const marker = 's3cretmarker'
const login: Login = { username: 'me', password: marker }
const basic = `Basic ${Buffer.from(`me:${marker}`).toString('base64')}`
const bytes = Buffer.from('layer')
const blob: Descriptor = { mediaType: mediaTypes.ociLayer, digest: sha256(bytes), size: bytes.length }

function clientFor(registry: string, as: Login | undefined = login): RegistryClient {
  return createRegistryClient({
    retryDelay: 1,
    attempts: 2,
    logins: { find: async (name) => (name === registry ? as : undefined) },
  })
}
const open = (client: RegistryClient, server: ScriptedServer): Repository =>
  client.openRepository({ registry: server.host, repository: 'app' })

/** Everything of an error that could reach a log. */
function assertNoSecret(error: unknown): void {
  const shown = inspect(error, { depth: 10 })
  assert.ok(!shown.includes(marker) && !shown.includes(basic.slice(6)), shown)
}

/** Wants a token of `tokens` for everything, and gives tokens at /token. */
function tokenServer(): Promise<ScriptedServer> {
  let given = 0
  return scriptedServer((request, response) => {
    const url = new URL(request.url ?? '', `http://${request.headers.host ?? ''}`)
    if (url.pathname === '/token') {
      given += 1
      response.end(JSON.stringify({ token: `token-${given}`, expires_in: 300 }))
    } else if (request.headers.authorization?.startsWith('Bearer token-')) response.end(bytes)
    else challenge(request, response)
  })
}
function challenge(request: IncomingMessage, response: ServerResponse): void {
  const realm = `http://${request.headers.host ?? ''}/token`
  response
    .writeHead(401, { 'www-authenticate': `Bearer realm="${realm}",service="svc",scope="repository:evil:*"` })
    .end()
}
const paths = (server: ScriptedServer): string[] =>
  server.requests.map(({ method, url }) => `${method} ${url}`)

suite('tokens', () => {
  test('asked for with our own scope, cached by it, sent only to the registry', async () => {
    await using server = await tokenServer()
    await using client = clientFor(server.host)
    const repository = open(client, server)
    assert.deepEqual(await buffer(await repository.fetch(blob)), bytes)
    assert.deepEqual(await buffer(await repository.fetch(blob)), bytes)
    assert.deepEqual(paths(server), [
      `GET /v2/app/blobs/${blob.digest}`,
      'GET /token?service=svc&scope=repository%3Aapp%3Apull&account=me',
      `GET /v2/app/blobs/${blob.digest}`,
      `GET /v2/app/blobs/${blob.digest}`,
    ])
    assert.equal(server.requests[1]?.headers.authorization, basic)
    assert.equal(server.requests[3]?.headers.authorization, 'Bearer token-1')
  })

  test('many requests at once fetch one token', async () => {
    await using server = await tokenServer()
    await using client = clientFor(server.host)
    const repository = open(client, server)
    await repository.exists(blob)
    await Promise.all(Array.from({ length: 5 }, () => repository.exists(blob)))
    assert.equal(paths(server).filter((path) => path.includes('/token')).length, 1)
  })

  test('an identity token is exchanged in a POST body', async () => {
    let form = ''
    await using server = await scriptedServer(async (request, response) => {
      if (request.url === '/token') {
        form = (await buffer(request)).toString()
        response.end(JSON.stringify({ access_token: 'good' }))
      } else if (request.headers.authorization === 'Bearer good') response.end(bytes)
      else challenge(request, response)
    })
    await using client = clientFor(server.host, { identityToken: marker })
    assert.equal(await open(client, server).exists(blob), true)
    const fields = Object.fromEntries(new URLSearchParams(form))
    assert.equal(fields['grant_type'], 'refresh_token')
    assert.equal(fields['refresh_token'], marker)
    assert.equal(fields['scope'], 'repository:app:pull')
  })

  test('a registry that never accepts the token is not asked for ever', async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.url?.startsWith('/token')) response.end('{"token":"t"}')
      else challenge(request, response)
    })
    await using client = clientFor(server.host)
    await assert.rejects(open(client, server).exists(blob), (error: Error & { code: string }) => {
      assert.equal(error.code, 'REGISTRY_UNAUTHORIZED')
      assert.match(error.message, /mille login 127/)
      assertNoSecret(error)
      return true
    })
    assert.equal(server.requests.length, 3)
  })

  for (const [name, body] of [
    ['10 MB', Buffer.alloc(10_000_000, 0x20)],
    ['no JSON', Buffer.from(marker)],
    ['a token with a line break', Buffer.from('{"token":"a\\r\\nX: y"}')],
    ['no token', Buffer.from('{}')],
    ['null', Buffer.from('null')],
  ] as const) {
    test(`a token answer of ${name}`, async () => {
      await using server = await scriptedServer((request, response) => {
        if (request.url?.startsWith('/token')) response.end(body)
        else challenge(request, response)
      })
      await using client = clientFor(server.host)
      await assert.rejects(open(client, server).exists(blob), (error: Error & { code: string }) => {
        assert.equal(error.code, 'REGISTRY_TOKEN_REFUSED')
        assertNoSecret(error)
        return true
      })
    })
  }
})

suite('the realm of a challenge (C-W2)', () => {
  const challenged = async (origin: string, realm: string): Promise<boolean> => {
    await using exchange = new Exchange({ connectTimeout: 100, stallTimeout: 100, isInsecure: () => false })
    const authorizer = new Authorizer(new URL(origin), exchange, () => Promise.resolve(login))
    const headers = [`Bearer realm="${realm}",service="s"`]
    return await authorizer.challenged(
      { url: new URL(origin), headers: () => headers } as unknown as Answer,
      [],
    )
  }
  for (const [origin, realm] of [
    ['https://registry.io', 'https://auth.registry.io/token'],
    ['https://10.0.0.1', 'https://10.0.0.1/token'],
    ['http://127.0.0.1:5000', 'http://127.0.0.1:6000/token'],
    ['http://127.0.0.1:5000', 'https://auth.io/token'],
  ] as const) {
    test(`${origin} may name ${realm}`, async () => assert.equal(await challenged(origin, realm), true))
  }
  for (const [origin, realm] of [
    ['https://registry.io', 'http://registry.io/token'],
    ['https://registry.io', 'http://attacker/token'],
    ['https://registry.io', 'https://169.254.169.254/token'],
    ['https://registry.io', 'https://8.8.8.8/token'],
    ['https://registry.io', 'https://localhost/token'],
    ['https://registry.io', 'https://[::1]/token'],
    ['https://registry.io', 'file:///etc/passwd'],
    ['https://registry.io', `https://u:${marker}@auth.io/`],
    ['https://registry.io', '/token'],
    ['http://127.0.0.1:5000', 'http://attacker.io/token'],
  ] as const) {
    test(`${origin} may not name ${realm}`, async () => {
      await assert.rejects(challenged(origin, realm), (error: Error & { code: string }) => {
        assert.equal(error.code, 'REGISTRY_TOKEN_REFUSED')
        assertNoSecret(error)
        return true
      })
    })
  }
})

suite('Basic', () => {
  test('sent when asked for, and from then on', async () => {
    await using server = await scriptedServer((request, response) => {
      if (request.headers.authorization === basic) response.end(bytes)
      else response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    })
    await using client = clientFor(server.host)
    await open(client, server).exists(blob)
    await open(client, server).exists(blob)
    assert.deepEqual(
      server.requests.map(({ headers }) => headers.authorization),
      [undefined, basic, basic],
    )
    await client.verifyLogin(server.host, login)
    await assert.rejects(
      client.verifyLogin(server.host, { username: 'me', password: `x${marker}` }),
      (error) => {
        assertNoSecret(error)
        return (error as { code: string }).code === 'LOGIN_REFUSED'
      },
    )
  })

  test('without a login the error says what to do', async () => {
    await using server = await scriptedServer((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
    })
    await using client = createRegistryClient()
    await assert.rejects(open(client, server).exists(blob), {
      code: 'REGISTRY_UNAUTHORIZED',
      kind: 'unauthenticated',
      message: `unauthorized: authentication required for app on ${server.host} (it may not exist, or run: mille login ${server.host})`,
    })
    assert.equal(server.requests.length, 1)
  })
})

suite('other servers never see credentials (C-W1, C-W3)', () => {
  const protectedServer = (location: string): Promise<ScriptedServer> =>
    scriptedServer((request, response) => {
      if (request.headers.authorization !== basic) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end()
      } else response.writeHead(307, { location }).end()
    })

  test('a redirect is followed without them', async () => {
    await using storage = await scriptedServer((_, response) => void response.end(bytes))
    await using server = await protectedServer(`${storage.url}/blob?signature=${marker}`)
    await using client = clientFor(server.host)
    assert.deepEqual(await buffer(await open(client, server).fetch(blob)), bytes)
    assert.equal(server.requests.at(-1)?.headers.authorization, basic)
    assert.equal(storage.requests.length, 1)
    assert.equal(storage.requests[0]?.headers.authorization, undefined)
    assert.equal(storage.requests[0]?.headers.cookie, undefined)
  })

  test('a 401 of the redirect target is not answered', async () => {
    await using storage = await scriptedServer((_, response) => {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="give"' }).end()
    })
    await using server = await protectedServer(`${storage.url}/blob?signature=${marker}`)
    await using client = clientFor(server.host)
    await assert.rejects(open(client, server).fetch(blob), (error: Error & { code: string }) => {
      assert.equal(error.code, 'REGISTRY_UNAUTHORIZED')
      assertNoSecret(error)
      return true
    })
    assert.deepEqual(
      storage.requests.map(({ headers }) => headers.authorization),
      [undefined],
    )
  })

  test('a redirect that comes back does not get them either', async () => {
    await using storage = await scriptedServer((_, response) => {
      response.writeHead(307, { location: `${server.url}/v2/other` }).end()
    })
    await using server: ScriptedServer = await scriptedServer((request, response) => {
      if (request.url === '/v2/other') response.end(bytes)
      else response.writeHead(307, { location: storage.url }).end()
    })
    await using client = clientFor(server.host)
    await buffer(await open(client, server).fetch(blob))
    assert.equal(server.requests.at(-1)?.headers.authorization, undefined)
  })

  test('redirects for ever end after ten', async () => {
    await using server = await scriptedServer((_, response, count) => {
      response.writeHead(307, { location: `/v2/${count}` }).end()
    })
    await using client = clientFor(server.host)
    await assert.rejects(open(client, server).fetch(blob), { code: 'REGISTRY_REDIRECT_REFUSED' })
    assert.equal(server.requests.length, 11)
  })

  test('tags: a next page elsewhere is refused, a circle ends', async () => {
    for (const next of ['http://127.0.0.1:1/v2/app/tags/list', '/v2/app/tags/list?n=1000']) {
      await using server = await scriptedServer((_, response) => {
        response.setHeader('link', `<${next}>; rel="next"`)
        response.end(JSON.stringify({ tags: ['a'] }))
      })
      await using client = clientFor(server.host)
      const tags: string[] = []
      await assert.rejects(
        async () => {
          for await (const tag of open(client, server).tags()) tags.push(tag)
        },
        { code: 'REGISTRY_ANSWER_INVALID' },
      )
      assert.deepEqual(tags, ['a'])
    }
  })
})

test('a warning is shown once, and only code 299', async () => {
  const warnings: string[] = []
  await using server = await scriptedServer((_, response) => {
    response.setHeader('warning', ['299 - "old tag"', '199 - "other"'])
    response.end(bytes)
  })
  await using client = createRegistryClient({ onWarning: (text) => warnings.push(text) })
  await open(client, server).exists(blob)
  await open(client, server).exists(blob)
  assert.deepEqual(warnings, [`${server.host}: old tag`])
})
