import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, beforeEach, test } from 'node:test'
import type { SecretSource } from '../../src/builder/build.ts'
import { isMilleError } from '../../src/util/errors.ts'
import type { CopyBuilds } from '../support/copy-builds.ts'
import { openCopyBuilds } from '../support/copy-builds.ts'

let builds: CopyBuilds
let url: string
let answer: (request: IncomingMessage, response: ServerResponse) => void
const requests: IncomingMessage[] = []
const server = createServer((request, response) => {
  requests.push(request)
  answer(request, response)
})

before(async () => {
  builds = await openCopyBuilds()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
after(async () => {
  server.close()
  await builds[Symbol.asyncDispose]()
})
beforeEach(() => {
  requests.length = 0
})

const sha256 = (text: string | Buffer): string => `sha256:${createHash('sha256').update(text).digest('hex')}`

test('a URL is fetched once: then the server is asked whether it changed, its time is no part of the key', async () => {
  let body = 'one'
  answer = (request, response) => {
    const etag = `"${body.length}"`
    if (request.headers['if-none-match'] === etag) response.writeHead(304).end()
    else response.writeHead(200, { etag, 'last-modified': new Date().toUTCString() }).end(body)
  }
  const lines = ['FROM busybox', `ADD ${url}/file /o/`]
  await builds.build(lines)
  const again = await builds.build(lines)
  assert.ok(again.steps.every(({ cached }) => cached))
  const elsewhere = await builds.build(['FROM busybox', 'RUN mkdir /o', `ADD --chown=5 ${url}/file /o/x`])
  assert.deepEqual(await builds.list(elsewhere), ['x 600 5:5 = one'], 'made of the copy kept')
  assert.deepEqual(
    requests.map((request) => request.headers['if-none-match']),
    [undefined, '"3"', '"3"'],
  )
  body = 'two or more'
  const changed = await builds.build(lines)
  assert.equal(changed.steps.at(-1)?.cached, false)
  assert.deepEqual(await builds.list(changed), ['file 600 0:0 = two or more'])
})

test('a checksum: known bytes need no server, wrong ones are named and nothing is kept', async () => {
  answer = (_, response) => response.end('content')
  const add = (sum: string, to: string): string[] => [
    'FROM busybox',
    `ADD --checksum=${sum} ${url}/sum ${to}`,
  ]
  await assert.rejects(builds.build(add(sha256('other'), '/o/')), (error) => {
    assert.ok(isMilleError(error, 'ADD_FAILED'))
    assert.match(error.message, new RegExp(`expected ${sha256('other')}, got ${sha256('content')}`))
    assert.match(error.message, /> +2 \| ADD --checksum/)
    return true
  })
  // D-F20: no password in the error
  const secret = url.replace('//', '//user:secret@')
  await assert.rejects(
    builds.build(['FROM busybox', `ADD --checksum=${sha256('other')} ${secret}/hidden /o/`]),
    (error) => {
      assert.ok(isMilleError(error, 'ADD_FAILED'))
      assert.match(
        error.message,
        new RegExp(`user:\\*+@.*expected ${sha256('other')}, got ${sha256('content')}`),
      )
      assert.ok(!error.message.includes('secret'))
      return true
    },
  )
  requests.pop()
  await builds.build(add(sha256('content'), '/o/'))
  assert.equal(requests.length, 2)
  await builds.build(add(sha256('content'), '/elsewhere/'))
  assert.equal(requests.length, 2)
  const long = `sha512:${createHash('sha512').update('content').digest('hex')}`
  await builds.build(add(long, '/o/'))
})

/** A connection ends in order, or is reset: then the receiver may lose what nobody had read yet. */
const breaks = {
  FIN: ({ socket }: ServerResponse) => socket?.end(),
  RST: ({ socket }: ServerResponse) => socket?.resetAndDestroy(),
}

for (const [how, cut] of Object.entries(breaks)) {
  test(`a transfer that breaks by ${how} goes on where it broke, as long as something comes`, async () => {
    const body = Buffer.alloc(200_000, 'abcdefghij')
    const starts: number[] = []
    answer = (request, response) => {
      const from = Number(/bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0)
      starts.push(from)
      response.writeHead(from > 0 ? 206 : 200, {
        etag: '"strong"',
        'content-length': body.length - from,
        ...(from > 0 ? { 'content-range': `bytes ${from}-${body.length - 1}/${body.length}` } : {}),
      })
      const rest = body.subarray(from, from + 28_000)
      if (from + rest.length === body.length) response.end(rest)
      else response.write(rest, () => cut(response))
    }
    const made = await builds.build(['FROM busybox', `ADD --checksum=${sha256(body)} ${url}/${how} /o/`])
    assert.equal((await builds.list(made))[0]?.length, `${how} 600 0:0 = `.length + body.length)
    assert.ok(requests.length >= 8, 'more tries than those that are made without progress')
    assert.ok(requests.slice(1).every(({ headers }) => headers['if-range'] === '"strong"'))
    assert.deepEqual(
      starts,
      starts.toSorted((a, b) => a - b),
    )
  })

  test(`a file that changed while its transfer was broken by ${how} is fetched from its start`, async () => {
    const bodies = ['a'.repeat(100_000), 'b'.repeat(50_000)]
    answer = (_, response) => {
      const index = Math.min(requests.length - 1, 1)
      const body = bodies[index] ?? ''
      response.writeHead(200, { etag: `"${index}"`, 'content-length': body.length })
      if (index === 1) response.end(body)
      else response.write(body.slice(0, 60_000), () => cut(response))
    }
    const made = await builds.build(['FROM busybox', `ADD ${url}/swapped-${how} /o/`])
    assert.deepEqual(await builds.list(made), [`swapped-${how} 600 0:0 = ${bodies[1]}`])
  })
}

test('--unpack: archives of URLs on demand, local ones unless told otherwise', async () => {
  mkdirSync(join(builds.context, 'in/folder'), { recursive: true })
  builds.write('in/folder/f', 'member')
  const archive = execFileSync('tar', [
    '-C',
    join(builds.context, 'in'),
    '--owner=7',
    '--group=8',
    '-cz',
    'folder',
  ])
  builds.write('local.bin', archive)
  answer = (request, response) => response.end(request.url === '/cut' ? archive.subarray(0, 60) : archive)
  const member = ['folder 755 7:8', 'folder/f 644 7:8 = member']
  const names = (lines: string[]): string[] => lines.map((line) => line.split(' ')[0] ?? '')
  const built = async (line: string): Promise<string[]> =>
    builds.list(await builds.build(['FROM busybox', line]))
  assert.deepEqual(names(await built(`ADD ${url}/a.tgz /o/`)), ['a.tgz'])
  assert.deepEqual(await built(`ADD --unpack --chmod=600 ${url}/a.tgz /o/`), member)
  assert.deepEqual(await built('ADD local.bin /o/'), member)
  assert.deepEqual(names(await built('ADD --unpack=false local.bin /o/')), ['local.bin'])
  await assert.rejects(built(`ADD --unpack ${url}/cut /o/`), /cut cannot be read.*truncated/)
})

test('a server that fails is asked again, one that refuses is not; passwords stay out of errors', async () => {
  answer = (_, response) => void (requests.length < 3 ? response.writeHead(503).end() : response.end('late'))
  await builds.build(['FROM busybox', `ADD ${url}/busy /o/`])
  assert.equal(requests.length, 3)
  answer = (_, response) => void response.writeHead(404).end()
  const secret = url.replace('//', '//user:secret@')
  await assert.rejects(builds.build(['FROM busybox', `ADD ${secret}/gone /o/`]), (error) => {
    assert.ok(isMilleError(error, 'ADD_FAILED'))
    assert.match(error.message, /user:\*+@.*the server answered 404/)
    assert.ok(!error.message.includes('secret'))
    return true
  })
  assert.equal(requests.length, 4)
  assert.equal(requests[3]?.headers.authorization, `Basic ${Buffer.from('user:secret').toString('base64')}`)
})

test('secrets become the Authorization header, for their host alone', async () => {
  const secret = (id: string, text: string): SecretSource => ({
    id,
    read: () => Promise.resolve(Buffer.from(text)),
  })
  const other = url.replace('127.0.0.1', 'localhost')
  answer = (request, response) =>
    void (request.url === '/move'
      ? response.writeHead(302, { location: `${other}/landed` }).end()
      : response.end(request.headers.authorization ?? 'none'))
  const seen = async (path: string, ...secrets: SecretSource[]): Promise<string | undefined> => {
    const made = await builds.build(['FROM busybox', `ADD ${url}/${path} /o/x`], { secrets })
    return (await builds.list(made))[0]?.split(' = ')[1]
  }
  assert.equal(await seen('token', secret('HTTP_AUTH_TOKEN_127.0.0.1', 'abc\n')), 'Bearer abc')
  assert.equal(await seen('header', secret('HTTP_AUTH_HEADER_127.0.0.1', 'Custom abc')), 'Custom abc')
  assert.equal(await seen('other', secret('HTTP_AUTH_TOKEN_example.com', 'abc')), 'none')
  assert.equal(await seen('move', secret('HTTP_AUTH_TOKEN_127.0.0.1', 'abc')), 'none')
})

test('prune drops what was kept of URLs', async () => {
  answer = (_, response) => response.end('kept')
  await builds.build(['FROM busybox', `ADD ${url}/kept /o/`])
  const rows = await builds.tool.builder.cacheUsage()
  assert.ok(rows.some(({ type, description }) => type === 'source.http' && description === `${url}/kept`))
  await builds.tool.builder.prune({ all: true })
  assert.deepEqual(readdirSync(await builds.tool.store.folder('sources')), [])
})
