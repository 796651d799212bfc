import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { startS3Server, type S3Server } from '../support/s3-server.ts'

let s3: S3Server
let folder: string
let mille: TestMille
let place: string

before(async () => {
  s3 = await startS3Server()
  folder = mkdtempSync(join(tmpdir(), 'mille-cache-s3-'))
  mille = machine()
  place = `type=s3,bucket=${s3.bucket},region=us-east-1,endpoint_url=${s3.url},use_path_style=true`
  const lines = [
    'FROM busybox',
    'COPY a.txt /a',
    'RUN --mount=type=cache,target=/c echo x > /c/x; echo ran > /b',
  ]
  writeFileSync(join(folder, 'a.txt'), 'a')
  writeFileSync(join(folder, 'Dockerfile'), lines.join('\n'))
})
after(async () => {
  mille[Symbol.dispose]()
  await s3[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

function machine(): TestMille {
  const made = testMille()
  made.ok('image', 'bootstrap', 'busybox')
  return made
}

function build(on: TestMille, args: readonly string[], env: NodeJS.ProcessEnv = s3.credentials): Ran {
  return on.run(['build', '--progress', 'plain', '-t', 'app', ...args, folder], { env })
}

test('another machine finds steps and mounts in the bucket', () => {
  const to = `${place},name=one;two,prefix=team/,mode=max,mounts=true`
  const written = build(mille, ['--cache-to', to])
  assert.equal(written.code, 0, written.err)
  assert.match(written.err, /exporting cache to s3 caches\/team\/one;two\n/)
  const keys = s3.keys().filter((key) => !key.endsWith('.json') && /team\/\w+\/./.test(key))
  assert.ok(
    keys.some((key) => /^team\/blobs\/sha256:[0-9a-f]{64}/.test(key)),
    keys.join('\n'),
  )
  for (const name of ['one', 'two'])
    assert.ok(keys.some((key) => key.startsWith(`team/manifests/${name}.mille`)))
  using other = machine()
  const read = build(other, ['--cache-from', `${place},name=two,prefix=team/`])
  assert.match(read.err, /COPY a\.txt \/a\n#\d CACHED[\s\S]*RUN .*\n#\d CACHED/, read.err)
  assert.equal(other.ok('run', '--rm', 'app', 'cat', '/b'), 'ran')
  // the same once more: what is there is not sent again
  const again = build(mille, ['--cache-to', to])
  assert.doesNotMatch(again.err, /writing layer/)
})

test('nothing under that name, no bucket, wrong credentials: a warning, and the build does without', () => {
  using other = machine()
  const warned = (from: string, env?: NodeJS.ProcessEnv): string => {
    const ran = build(other, ['--cache-from', from], env)
    assert.equal(ran.code, 0, ran.err)
    return ran.err
  }
  assert.match(warned(`${place},name=none`), /nothing of mille there/)
  assert.match(
    warned(place.replace(`bucket=${s3.bucket}`, 'bucket=absent')),
    /BuildCache: the cache of s3 absent\/buildkit is not used: s3 absent\/buildkit: there is no bucket "absent"/,
  )
  const wrong = { ...s3.credentials, AWS_SECRET_ACCESS_KEY: 'wrong-secret-3f1' }
  const denied = warned(place, wrong)
  assert.match(denied, /is not used: s3 caches\/buildkit: access denied \(SignatureDoesNotMatch: /)
  assert.doesNotMatch(denied, /wrong-secret-3f1|S3RVER/)
})

test('an export that cannot be written ends the build, unless its errors are ignored', () => {
  const wrong = { ...s3.credentials, AWS_ACCESS_KEY_ID: 'nobody' }
  const failed = build(mille, ['--cache-to', place], wrong)
  assert.equal(failed.code, 1)
  assert.match(failed.err, /ERROR: .*s3 caches\/buildkit: access denied/)
  const missing = build(mille, ['--cache-to', place.replace(`bucket=${s3.bucket}`, 'bucket=absent')])
  assert.equal(missing.code, 1)
  assert.match(missing.err, /there is no bucket "absent"/)
  const ignored = build(mille, ['--cache-to', `${place},ignore-error=true`], wrong)
  assert.equal(ignored.code, 0, ignored.err)
  assert.match(ignored.err, /BuildCache: the cache was not exported: s3 caches/)
})

test('credentials as attributes: in no output, no error, and nowhere in the store', () => {
  const secret = 'S3RVER'
  const given = `${place},access_key_id=${secret},secret_access_key=${secret},name=given`
  const about = ['--provenance=mode=max', '--cache-to', given, '--cache-from', given]
  const ran = build(mille, about, {})
  assert.equal(ran.code, 0, ran.err)
  assert.ok(!ran.err.includes(secret))
  const typo = build(mille, ['--cache-to', `${given},prefx=x`], {})
  assert.match(typo.err, /did you mean prefix\?/)
  assert.match(typo.err, /secret_access_key=\(hidden\)/)
  assert.ok(!typo.err.includes(secret))
  for (const entry of readdirSync(mille.root, { recursive: true, withFileTypes: true }))
    if (entry.isFile() && !entry.parentPath.includes('cache-mounts'))
      assert.ok(!readFileSync(join(entry.parentPath, entry.name)).includes(secret), entry.name)
})

test('what is missing is said before anything runs (D-C9)', () => {
  const refused = (to: string, env: NodeJS.ProcessEnv = {}): string =>
    build(mille, ['--cache-to', to], env).err
  assert.match(refused('type=s3,region=x'), /--cache-to type=s3 needs bucket=…/)
  assert.match(refused('type=s3,bucket=x'), /type=s3 needs region=…: it is neither there nor in AWS_REGION/)
  assert.match(refused('type=s3,bucket=x,region=y,access_key_id=z'), /go together, one is missing/)
  assert.match(refused('type=s3,bucket=x,region=y,endpoint_url=z'), /"z" is no URL/)
})
