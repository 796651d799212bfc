import assert from 'node:assert/strict'
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, beforeEach, suite, test } from 'node:test'
import { openCredentialStore } from './credential-store.ts'
import { CredentialHelper } from './credential-helper.ts'
import { credentialsPath } from './credentials-file.ts'

let folder = ''
let path = ''
const searchPath = process.env['PATH'] ?? ''
const read = async (): Promise<Record<string, unknown>> =>
  JSON.parse(await readFile(path, 'utf8')) as Record<string, unknown>
const base64 = (text: string): string => Buffer.from(text).toString('base64')

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mille-credentials-'))
  await mkdir(join(folder, 'bin'))
  process.env['PATH'] = `${join(folder, 'bin')}:${searchPath}`
})
after(async () => {
  process.env['PATH'] = searchPath
  await rm(folder, { recursive: true })
})
beforeEach(async () => {
  path = join(await mkdtemp(join(folder, 'config-')), 'docker', 'config.json')
})

async function config(content: object, mode = 0o600): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true })
  await writeFile(path, JSON.stringify(content), { mode })
  await chmod(path, mode)
}

async function helper(name: string, script: string): Promise<void> {
  await writeFile(join(folder, 'bin', `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 })
}

suite('the file', () => {
  test('lies where Docker keeps it', () => {
    assert.equal(credentialsPath({ DOCKER_CONFIG: '/d', HOME: '/h' }), '/d/config.json')
    assert.equal(credentialsPath({ HOME: '/h' }), '/h/.docker/config.json')
  })

  test('a login is saved, found and erased; the rest of the file stays', async () => {
    await config({ HttpHeaders: { 'X-A': 'b' }, auths: { 'other.io': { auth: base64('o:p') } } })
    const store = openCredentialStore({ path })
    await store.save('host:5000', { username: 'me', password: 'a:b:c' })
    assert.deepEqual(await store.find('host:5000'), { username: 'me', password: 'a:b:c' })
    assert.equal((await stat(path)).mode & 0o777, 0o600)
    assert.deepEqual(await read(), {
      HttpHeaders: { 'X-A': 'b' },
      auths: { 'other.io': { auth: base64('o:p') }, 'host:5000': { auth: base64('me:a:b:c') } },
    })
    assert.equal(await store.erase('host:5000'), true)
    assert.equal(await store.erase('host:5000'), false)
    assert.equal(await store.find('host:5000'), undefined)
    assert.deepEqual(await store.find('other.io'), { username: 'o', password: 'p' })
  })

  test('Docker Hub has its old address, other hosts their old forms', async () => {
    const store = openCredentialStore({ path })
    await store.save('docker.io', { username: 'me', password: 'p' })
    assert.deepEqual(Object.keys((await read())['auths'] as object), ['https://index.docker.io/v1/'])
    await config({ auths: { 'https://old.io/v1/': { auth: base64('u:p') } } })
    assert.deepEqual(await store.find('old.io'), { username: 'u', password: 'p' })
  })

  test('<token> and identitytoken mean a refresh token', async () => {
    await config({ auths: { 'a.io': { auth: base64('<token>:t1') }, 'b.io': { identitytoken: 't2' } } })
    const store = openCredentialStore({ path })
    assert.deepEqual(await store.find('a.io'), { identityToken: 't1' })
    assert.deepEqual(await store.find('b.io'), { identityToken: 't2' })
  })

  test('no file means no login; a malformed one is an error that shows no secret', async () => {
    const store = openCredentialStore({ path })
    assert.equal(await store.find('a.io'), undefined)
    await config({})
    await writeFile(path, '{"auths":{"a.io":{"auth":"s3cretmarker"')
    await assert.rejects(store.find('a.io'), (error: Error & { code: string }) => {
      assert.equal(error.code, 'CREDENTIALS_FILE_INVALID')
      assert.doesNotMatch(error.message, /s3cretmarker/)
      return true
    })
  })

  test('a file that others can read is warned of, once', async () => {
    await config({ auths: { 'a.io': { auth: base64('u:p') } } }, 0o644)
    const warnings: string[] = []
    const store = openCredentialStore({ path, onWarning: (text) => warnings.push(text) })
    await store.find('a.io')
    await store.find('a.io')
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /chmod 600/)
  })
})

suite('helpers', () => {
  test('store, get and erase speak the protocol; the file holds no secret', async () => {
    const kept = join(folder, 'kept.json')
    await helper(
      'keep',
      `case "$1" in
         store) cat > ${kept} ;;
         get) read -r key; [ -f ${kept} ] || { echo "credentials not found in native keychain"; exit 1; }; cat ${kept} ;;
         erase) rm ${kept} ;;
       esac`,
    )
    await config({ credHelpers: { 'helped.io': 'keep' } })
    const store = openCredentialStore({ path })
    assert.equal(await store.find('helped.io'), undefined)
    assert.equal(await store.save('helped.io', { username: 'u', password: 's3cretmarker' }), 'keep')
    assert.deepEqual(JSON.parse(await readFile(kept, 'utf8')), {
      ServerURL: 'helped.io',
      Username: 'u',
      Secret: 's3cretmarker',
    })
    assert.doesNotMatch(await readFile(path, 'utf8'), /s3cretmarker|auth":/)
    assert.deepEqual(await store.find('helped.io'), { username: 'u', password: 's3cretmarker' })
    assert.equal(await store.erase('helped.io'), true)
    assert.equal(await store.find('helped.io'), undefined)
  })

  test('names that could leave the program path are refused', () => {
    for (const name of ['../x', 'a/b', '-x', '', 'a b', 'x;y', '.x']) {
      assert.throws(() => new CredentialHelper(name), { code: 'CREDENTIAL_HELPER_FAILED' }, name)
    }
  })

  test('one that hangs, floods, fails or is absent is an error without secrets', async () => {
    await helper('hang', 'exec sleep 60')
    await helper('flood', 'head -c 3000000 /dev/zero')
    await helper('fail', 'echo s3cretmarker; exit 3')
    await helper('junk', 'echo s3cretmarker')
    for (const name of ['hang', 'flood', 'fail', 'junk', 'absent']) {
      await assert.rejects(
        new CredentialHelper(name, { timeLimit: 500 }).get('a.io'),
        (error: Error & { code: string }) => {
          assert.equal(error.code, 'CREDENTIAL_HELPER_FAILED', name)
          assert.doesNotMatch(error.message, /s3cretmarker/)
          return true
        },
      )
    }
  })
})
