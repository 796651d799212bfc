import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { fakeContainer, fakeEngine } from '../../test/support/fake-engine.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { parseListenAddress } from './http/listen.ts'
import { serveApi, type ApiServer } from './serve.ts'

const engine = fakeEngine({
  containers: {
    list: () => Promise.resolve([fakeContainer('web')]),
    inspect: () => Promise.resolve(fakeContainer('web')),
    wait: () => new Promise(() => {}),
    stop: () => Promise.reject(failure('CONTAINER_ALREADY_STOPPED', { name: 'web' })),
    kill: () => Promise.reject(new Error('broken')),
    create: (wish) => Promise.resolve({ id: wish.image, warnings: [] }),
  },
})

describe('serveApi', () => {
  let folder: string
  let server: ApiServer
  let port: number
  const log: string[] = []
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'mille-api-'))
    const addresses = [`unix://${folder}/api.sock`, 'tcp://127.0.0.1:0'].map(parseListenAddress)
    server = await serveApi(engine, { addresses, grace: 100, onLog: (line) => void log.push(line) })
    port = Number(server.addresses[1]?.split(':').at(-1))
  })
  after(async () => {
    await server[Symbol.asyncDispose]()
    rmSync(folder, { recursive: true })
  })

  interface Sent {
    readonly headers?: Readonly<Record<string, string>>
    readonly body?: string
    readonly tcp?: boolean
  }
  const send = async (method: string, path: string, { headers = {}, body, tcp = false }: Sent = {}) => {
    const place = tcp ? { host: '127.0.0.1', port } : { socketPath: join(folder, 'api.sock') }
    const outgoing = request({ ...place, method, path, headers })
    outgoing.end(body)
    const [response] = await once(outgoing, 'response')
    return { status: response.statusCode, headers: response.headers, body: await text(response) }
  }
  const json = { 'content-type': 'application/json' }

  test('an answer tells version and system, with and without a version in the path', async () => {
    for (const path of ['/containers/json', '/v1.44/containers/json']) {
      const { status, headers, body } = await send('GET', path)
      assert.equal(status, 200)
      assert.equal(headers['api-version'], '1.51')
      assert.equal(headers['ostype'], 'linux')
      assert.deepEqual(JSON.parse(body)[0].Names, ['/web'])
    }
  })

  test('errors have the status of their kind and a message; not-modified has no body', async () => {
    assert.equal((await send('GET', '/nope')).status, 404)
    const method = await send('PUT', '/containers/json')
    assert.deepEqual([method.status, method.body], [404, '{"message":"page not found"}\n'])
    const stopped = await send('POST', '/containers/web/stop')
    assert.deepEqual([stopped.status, stopped.body], [304, ''])
    const broken = await send('POST', '/containers/web/kill')
    assert.deepEqual([broken.status, broken.body], [500, '{"message":"broken"}\n'])
    assert.deepEqual(log, ['POST /containers/web/kill: broken'])
  })

  test('a body must be JSON by its type, its syntax and its fields', async () => {
    const create = (body: string, headers: Readonly<Record<string, string>> = json) =>
      send('POST', '/containers/create', { body, headers })
    assert.equal((await create('{"Image":"a"}')).status, 201)
    assert.match((await create('{"Image":"a"}', {})).body, /unsupported Content-Type header/)
    for (const bad of ['{bad', '{}', '{"Image":5}', '{"Image":"a"} {}', '{"Image":"a","Image":"b"}', '[]'])
      assert.equal((await create(bad)).status, 400, bad)
    const large = await create(`{"Image":"${'a'.repeat(5_000_000)}"}`)
    assert.equal(large.status, 400)
    assert.match(large.body, /larger than 4194304 bytes/)
    assert.equal((await send('POST', '/containers/create', { headers: json })).status, 400)
  })

  test('what a web page sends is refused, and over TCP a host name that is not ours (C-A2)', async () => {
    assert.equal((await send('GET', '/_ping', { headers: { origin: 'http://evil.example' } })).status, 403)
    assert.equal((await send('GET', '/_ping', { tcp: true, headers: { host: 'evil.example' } })).status, 403)
    assert.equal((await send('GET', '/_ping', { tcp: true })).body, 'OK')
    assert.equal((await send('GET', '/_ping', { headers: { host: 'api.moby.localhost' } })).body, 'OK')
  })

  test('the head of wait comes before the container ends, and a client may leave', async () => {
    const outgoing = request({
      socketPath: join(folder, 'api.sock'),
      method: 'POST',
      path: '/containers/web/wait',
    })
    outgoing.end()
    const [response] = await once(outgoing, 'response')
    assert.equal(response.statusCode, 200)
    outgoing.destroy()
  })

  test('1,000 clients that say nothing keep nobody out', async () => {
    const idle: Socket[] = []
    while (idle.length < 1000) {
      const more = Array.from({ length: 100 }, () => connect(join(folder, 'api.sock')))
      await Promise.all(more.map((socket) => once(socket, 'connect')))
      idle.push(...more)
    }
    assert.equal((await send('GET', '/_ping')).body, 'OK')
    for (const socket of idle) socket.destroy()
  })

  test('a body far over its limit, in chunks without end, is answered and cut off', async () => {
    const socket = connect(join(folder, 'api.sock'))
    const closed = new Promise((resolve) => socket.once('close', resolve))
    // the cut comes as a broken pipe
    socket.on('error', () => {})
    let said = ''
    socket.on('data', (chunk) => (said += chunk))
    const head = 'POST /containers/create HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n'
    socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n`)
    const chunk = `10000\r\n${'a'.repeat(65_536)}\r\n`
    const most = 64 * 1024 * 1024
    while (!socket.destroyed && socket.bytesWritten < most)
      if (!socket.write(chunk)) await Promise.race([once(socket, 'drain'), closed])
    assert.match(said, /^HTTP\/1\.1 400 Bad Request\r\n[^]*larger than 4194304 bytes/)
    assert.ok(socket.bytesWritten < most, `${socket.bytesWritten} bytes were taken`)
  })

  test('what is no HTTP is answered with 400', async () => {
    const socket = connect(join(folder, 'api.sock'))
    socket.write('nonsense\r\n\r\n')
    assert.match(await text(socket), /^HTTP\/1\.1 400 Bad Request\r\n/)
  })
})

describe('listening', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'mille-listen-'))
  })
  after(() => rmSync(folder, { recursive: true }))

  const serve = (path: string): Promise<ApiServer> =>
    serveApi(engine, { addresses: [{ kind: 'unix', path }], grace: 100 })

  test('a folder where everybody may rename is no place for a socket (C-A3)', async () => {
    const open = join(folder, 'open')
    mkdirSync(open)
    chmodSync(open, 0o777)
    await assert.rejects(serve(join(open, 'api.sock')), (error) => isMilleError(error, 'SOCKET_UNSAFE'))
    chmodSync(open, 0o1777)
    await using server = await serve(join(open, 'api.sock'))
    assert.equal(server.addresses.length, 1)
  })

  test('a socket that nobody listens on is replaced, everything else is left alone', async () => {
    const path = join(folder, 'file')
    writeFileSync(path, 'mine')
    await assert.rejects(serve(path), (error) => isMilleError(error, 'SOCKET_IN_USE'))
    assert.ok(existsSync(path))
    const socket = join(folder, 'api.sock')
    await using _first = await serve(socket)
    await assert.rejects(serve(socket), (error) => isMilleError(error, 'SOCKET_IN_USE'))
    assert.ok(existsSync(socket))
  })

  test('addresses are unix or tcp', () => {
    assert.deepEqual(parseListenAddress('tcp://[::1]:2375'), { kind: 'tcp', host: '::1', port: 2375 })
    for (const bad of ['unix://relative', 'tcp://host', 'tcp://host:99999', 'fd://', '/run/x.sock'])
      assert.throws(() => parseListenAddress(bad), /invalid address/, bad)
  })
})
