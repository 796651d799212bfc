import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { serveRegistry } from '../support/serve-registry.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { serveApi, type TestApi } from '../support/serve-api.ts'
import { startRegistry } from '../support/start-registry.ts'

describe('docker client on images of mille serve', () => {
  let mille: TestMille
  let api: TestApi
  let host: string
  before(async () => {
    mille = testMille()
    mille.ok('image', 'bootstrap', 'busybox')
    host = (await serveRegistry(mille, '--address', '127.0.0.1:0')).host
    api = await serveApi(mille)
  })
  after(async () => {
    await api.stop()
    mille[Symbol.dispose]()
  })

  test('images are listed, filtered, inspected, tagged and removed', async () => {
    api.ok('tag', 'busybox', 'other:1')
    assert.equal(
      api.ok('images', '--format', '{{.Repository}}:{{.Tag}}', '--filter', 'reference=other'),
      'other:1',
    )
    assert.equal(api.ok('image', 'inspect', '--format', '{{.Os}}', 'other:1'), 'linux')
    assert.match(api.ok('history', '--format', '{{.CreatedBy}}', 'other:1'), /bootstrap/)
    assert.equal(api.ok('rmi', 'other:1'), 'Untagged: other:1')
    assert.match(api.docker(['image', 'inspect', 'other:1']).err, /No such image: other:1/)
    const listed = await api.call('GET', '/images/json?filters={"nope":["a"]}')
    assert.deepEqual(listed, { status: 400, body: `{"message":"invalid filter 'nope'"}\n` })
  })

  test('a container is committed, pushed, removed and pulled again with the same ID', () => {
    api.ok('create', '--name', 'box', '--network', 'none', 'busybox', 'sh')
    const name = `${host}/made:1`
    const id = api.ok('commit', '-m', 'why', '-c', 'CMD ["true"]', 'box', name)
    api.ok('rm', 'box')
    const pushed = api.ok('push', name)
    assert.match(pushed, /^The push refers to repository \[.*\/made\]\n/)
    const digest = /1: digest: (sha256:[0-9a-f]{64}) size: \d+/.exec(pushed)?.[1]
    assert.ok(digest, pushed)
    api.ok('rmi', name)
    const pulled = api.ok('pull', name)
    assert.match(
      pulled,
      new RegExp(
        `^1: Pulling from made\\n[^]*Digest: ${digest}\\nStatus: Downloaded newer image for ${name}\\n`,
      ),
    )
    assert.equal(api.ok('images', '-q', '--no-trunc', name), id)
    assert.match(api.ok('pull', name), /Status: Image is up to date for/)
    assert.equal(api.ok('run', '--rm', '--network', 'none', name), '')
  })

  test('an image that is nowhere is an error of pull and run, not of the connection', () => {
    const name = `${host}/nosuch:1`
    assert.match(api.docker(['pull', name]).err, /manifest unknown/)
    const ran = api.docker(['run', '--rm', name])
    assert.equal(ran.code, 125)
    assert.match(ran.err, /Unable to find image '.*nosuch:1' locally\n[^]*manifest unknown/)
    assert.match(api.docker(['push', name]).err, /does not exist locally with the tag/)
  })

  test('save and load bring the same image back, import makes one of a tar', () => {
    const file = join(mille.root, 'saved.tar')
    const id = api.ok('images', '-q', '--no-trunc', 'busybox')
    api.ok('tag', 'busybox', 'kept:1')
    api.ok('save', '-o', file, 'kept:1')
    api.ok('rmi', 'kept:1')
    assert.equal(api.ok('load', '-i', file), 'Loaded image: kept:1')
    assert.equal(api.ok('images', '-q', '--no-trunc', 'kept'), id)
    assert.ok(readFileSync(file).includes('manifest.json'))
    writeFileSync(join(mille.root, 'junk'), 'no archive')
    assert.notEqual(api.docker(['load', '-i', join(mille.root, 'junk')]).code, 0)
    assert.match(api.docker(['save', 'nosuch']).err, /No such image/)
    api.ok('create', '--name', 'flat', 'busybox', 'sh')
    api.ok('export', '-o', file, 'flat')
    api.ok('rm', 'flat')
    const made = api.ok('import', '-c', 'CMD ["echo","imported"]', file, 'flat:1')
    assert.equal(made, api.ok('images', '-q', '--no-trunc', 'flat'))
    assert.equal(api.ok('run', '--rm', '--network', 'none', 'flat:1'), 'imported')
  })

  test('a login that comes with a pull or push counts for it alone, and is in no answer', async () => {
    const file = join(mille.root, 'htpasswd')
    writeFileSync(file, `ann:${hashSync('s3cret', 4)}\n`)
    await using registry = await startRegistry({ htpasswd: file })
    const name = `${registry.host}/private`
    await api.call('POST', `/images/busybox/tag?repo=${name}&tag=1`)
    const login = Buffer.from('{"username":"ann","password":"s3cret"}').toString('base64url')
    const push = `/images/${name}/push?tag=1`
    assert.match(await post(push), /"errorDetail":\{"message":"unauthorized/)
    assert.match(await post(push, login), /"aux":\{"Tag":"1","Digest":"sha256:/)
    const pull = `/images/create?fromImage=${name}&tag=1`
    assert.match(await post(pull), /unauthorized/)
    assert.match(await post(pull, login), /Status: Image is up to date for/)
    const look = `/distribution/${name}:1/json`
    assert.match(await post(look, undefined, 'GET'), /unauthorized/)
    assert.match(await post(look, login, 'GET'), /^\{"Descriptor":\{"mediaType":"[^"]+","digest":"sha256:/)
    const wrong = await post(pull, Buffer.from('{"username":"ann","password":"0ther"}').toString('base64url'))
    assert.match(wrong, /unauthorized/)
    assert.doesNotMatch(wrong, /0ther/)
    const broken = await post(
      pull,
      Buffer.from('{"username":"u","password":"s3cret","bad').toString('base64url'),
    )
    assert.equal(broken, '{"message":"invalid X-Registry-Auth header"}\n')
    const auth = (password: string): Promise<{ readonly status: number }> =>
      api.call('POST', '/auth', { username: 'ann', password, serveraddress: registry.host })
    assert.equal((await auth('s3cret')).status, 200)
    assert.equal((await auth('0ther')).status, 401)
    api.ok('rmi', `${name}:1`)
  })

  const post = (path: string, auth?: string, method = 'POST'): Promise<string> =>
    new Promise((resolve, reject) => {
      const headers = auth === undefined ? {} : { 'X-Registry-Auth': auth }
      request({ socketPath: api.socket, method, path, headers }, (response) => {
        resolve(text(response))
      })
        .on('error', reject)
        .end()
    })

  test('prune and df', () => {
    assert.match(
      api.ok('system', 'df', '--format', '{{.Type}} {{.TotalCount}}'),
      /^Images \d+\nContainers 0\n/,
    )
    api.ok('create', '--name', 'idle', 'busybox', 'true')
    assert.match(api.ok('container', 'prune', '-f'), /^Deleted Containers:\n[0-9a-f]{64}\n/)
    assert.match(api.ok('image', 'prune', '-af'), /deleted: sha256:/)
    assert.equal(api.ok('images', '-q'), '')
  })
})
