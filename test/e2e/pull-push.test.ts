import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { after, before, test } from 'node:test'
import { hash } from 'bcryptjs'
import type { Platform } from '../../src/oci/platform.ts'
import { createRegistryClient } from '../../src/registry/client/registry-client.ts'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { pushImage, randomImage, randomIndex } from '../support/random-image.ts'
import { serveRegistry } from '../support/serve-registry.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let debian: DockerRegistry
let locked: DockerRegistry
let mille: TestMille
let own: string
let busybox: string

before(async () => {
  mille = testMille()
  debian = await startDockerRegistry()
  locked = await startDockerRegistry({ htpasswd: `user:${await hash('secret', 4)}\n` })
  busybox = mille.ok('image', 'bootstrap', 'busybox').split('\n').at(-1) ?? ''
  own = (await serveRegistry(mille, '--address', '127.0.0.1:0')).host
})
after(async () => {
  mille[Symbol.dispose]()
  await debian[Symbol.asyncDispose]()
  await locked[Symbol.asyncDispose]()
})

function layersIn(transport: string): string[] {
  const out = execFileSync('skopeo', ['inspect', '--tls-verify=false', transport]).toString()
  return (JSON.parse(out) as { Layers: string[] }).Layers
}

for (const which of ['debian', 'own'] as const) {
  const host = (): string => (which === 'debian' ? debian.host : own)

  test(`${which}: push, remove, pull by digest: same ID, and what each prints (A41, A52)`, () => {
    const name = `${host()}/team/app:1.2.3`
    mille.ok('tag', 'busybox', name)
    const pushed = mille.ok('push', name)
    const layer = mille.ok('image', 'inspect', '--format', '{{index .RootFS.Layers 0}}', name).slice(7, 19)
    const [, digest = ''] = /^1\.2\.3: digest: (sha256:[0-9a-f]{64}) size: \d+$/m.exec(pushed) ?? []
    const lines = pushed.split('\n')
    assert.deepEqual(lines.slice(0, 3), [
      `The push refers to repository [${host()}/team/app]`,
      `${layer}: Preparing`,
      `${layer}: Pushed`,
    ])
    assert.match(mille.ok('push', name), new RegExp(`^${layer}: Layer already exists$`, 'm'))
    assert.equal(mille.ok('images', '--digests', '--format', '{{.Digest}}', `${host()}/team/app`), digest)
    mille.ok('rmi', name)
    const byDigest = `${host()}/team/app@${digest}`
    const out = mille.ok('pull', byDigest).split('\n')
    assert.equal(out[0], `${digest}: Pulling from team/app`)
    assert.deepEqual(out.slice(-3), [
      `Digest: ${digest}`,
      `Status: Downloaded newer image for ${byDigest}`,
      byDigest,
    ])
    assert.match(mille.ok('pull', byDigest), /^Status: Image is up to date for /m)
    assert.equal(mille.ok('image', 'inspect', '--format', '{{.Id}}', byDigest), busybox)
    assert.equal(mille.ok('images', '--format', '{{.Tag}}', `${host()}/team/app`), '<none>')
    assert.match(mille.ok('rmi', byDigest), /^Untagged: .*@sha256:/)
  })

  test(`${which}: skopeo reads what mille pushed, mille pulls what skopeo pushed (A75)`, () => {
    mille.ok('tag', 'busybox', `${host()}/from-mille`)
    mille.ok('push', '-q', `${host()}/from-mille`)
    assert.equal(layersIn(`docker://${host()}/from-mille`).length, 1)
    const archive = join(mille.root, `${which}.tar`)
    mille.ok('save', '-o', archive, `${host()}/from-mille:latest`)
    const target = `docker://${host()}/from-skopeo:x`
    execFileSync('skopeo', ['copy', '-q', '--dest-tls-verify=false', `docker-archive:${archive}`, target])
    assert.equal(mille.ok('pull', '-q', `${host()}/from-skopeo:x`), `${host()}/from-skopeo:x`)
    assert.equal(mille.ok('run', '--rm', `${host()}/from-skopeo:x`, 'echo', 'runs'), 'runs')
  })

  test(`${which}: the second repository mounts the layer of the first (D12)`, () => {
    mille.ok('tag', 'busybox', `${host()}/first`)
    mille.ok('push', '-q', `${host()}/first`)
    mille.ok('tag', 'busybox', `${host()}/second`)
    assert.match(mille.ok('push', `${host()}/second`), /: Mounted from \S+$/m)
  })

  test(`${which}: all tags at once (C03, C04)`, () => {
    for (const tag of ['b', 'a']) mille.ok('tag', 'busybox', `${host()}/many:${tag}`)
    const tags = [...mille.ok('push', '-a', `${host()}/many`).matchAll(/^(\w+): digest:/gm)]
    assert.deepEqual(
      tags.map(([, tag]) => tag),
      ['a', 'b'],
    )
    mille.ok('rmi', `${host()}/many:a`, `${host()}/many:b`)
    const out = mille.ok('pull', '-a', `${host()}/many`)
    assert.match(out, /^a: Pulling from many$/m)
    assert.match(out, /^b: Pulling from many$/m)
    assert.deepEqual(mille.ok('images', '--format', '{{.Tag}}', `${host()}/many`).split('\n').sort(), [
      'a',
      'b',
    ])
  })

  test(`${which}: what is not there is said in Docker's words (D-I2, D-I3)`, () => {
    const missing = mille.run(['pull', `${host()}/nope`])
    assert.equal(missing.code, 1)
    assert.equal(missing.out, 'Using default tag: latest\n')
    assert.match(missing.err, new RegExp(`manifest for ${host()}/nope:latest not found: manifest unknown`))
    const unknown = mille.run(['push', `${host()}/nope`])
    assert.equal(unknown.err, `An image does not exist locally with the tag: ${host()}/nope\n`)
  })
}

test('an index: the host platform, another one, one that it lacks (A45, A46, B-PL-17)', async () => {
  const platforms: Platform[] = ['amd64', 'arm64'].map((architecture) => ({ os: 'linux', architecture }))
  const images = platforms.map((platform, seed) => randomImage({ seed: seed + 50, platform }))
  const index = randomIndex(images)
  await using client = createRegistryClient({})
  const repository = client.openRepository({ registry: debian.host, repository: 'multi' })
  for (const image of images) await pushImage(repository, image)
  await repository.push(index.descriptor, Readable.from([index.bytes]))
  await repository.tag(index.descriptor, 'latest')
  const name = `${debian.host}/multi`
  for (const [position, { architecture }] of platforms.entries()) {
    mille.ok('pull', '-q', '--platform', `linux/${architecture}`, name)
    assert.equal(mille.ok('image', 'inspect', '--format', '{{.Architecture}}', name), architecture)
    assert.equal(mille.ok('images', '-q', '--no-trunc', name), images[position]?.manifest.config.digest)
    assert.equal(mille.ok('images', '--digests', '--format', '{{.Digest}}', name), index.descriptor.digest)
  }
  const { code, err } = mille.run(['pull', '--platform', 'linux/s390x', name])
  assert.equal(code, 1)
  assert.match(
    err,
    /no matching manifest for linux\/s390x in the manifest list entries; it has linux\/amd64, linux\/arm64/,
  )
})

/** `login --password-stdin`: with something to read, which `run` gives. */
function login(password: string, env: NodeJS.ProcessEnv): Ran {
  return mille.run(['login', '-u', 'user', '--password-stdin', locked.host], { input: `${password}\n`, env })
}

test('login, push, pull, logout with the file (A52, A76, D03)', () => {
  const env = { DOCKER_CONFIG: join(mille.root, 'plain') }
  const file = join(env.DOCKER_CONFIG, 'config.json')
  const name = `${locked.host}/private`
  mille.ok('tag', 'busybox', name)
  const anonymous = mille.run(['push', name], { env })
  assert.equal(anonymous.code, 1)
  assert.match(anonymous.err, new RegExp(`authentication required .*mille login ${locked.host}`))
  const wrong = login('wrong', env)
  assert.equal(wrong.code, 1)
  assert.match(wrong.err, /unauthorized: incorrect username or password/)
  assert(!existsSync(file))
  assert.deepEqual(login('secret', env), { code: 0, out: 'Login Succeeded\n', err: '' })
  const auth = Buffer.from('user:secret').toString('base64')
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { auths: { [locked.host]: { auth } } })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  for (const args of [
    ['push', '-q', name],
    ['pull', '-q', name],
  ])
    assert.deepEqual(mille.run(args, { env }), { code: 0, out: `${name}:latest\n`, err: '' })
  const out = mille.run(['logout', locked.host], { env }).out
  assert.equal(out, `Removing login credentials for ${locked.host}\n`)
  assert.equal(mille.run(['pull', name], { env }).code, 1)
})

test('login with a credential helper keeps the secret out of the file', () => {
  const folder = join(mille.root, 'helper')
  mkdirSync(folder)
  const script = `#!/bin/sh
at=${folder}/stored
case $1 in
  store) cat >$at ;;
  get) cat >/dev/null; [ -f $at ] && cat $at || { echo 'credentials not found in native keychain'; exit 1; } ;;
  erase) cat >/dev/null; rm -f $at ;;
esac
`
  writeFileSync(join(folder, 'docker-credential-test'), script)
  chmodSync(join(folder, 'docker-credential-test'), 0o755)
  writeFileSync(join(folder, 'config.json'), '{"credsStore":"test"}')
  const env = { DOCKER_CONFIG: folder, PATH: `${process.env['PATH']}:${folder}` }
  assert.equal(login('secret', env).out, 'Login Succeeded\n')
  assert.deepEqual(JSON.parse(readFileSync(join(folder, 'stored'), 'utf8')), {
    ServerURL: locked.host,
    Username: 'user',
    Secret: 'secret',
  })
  assert.doesNotMatch(readFileSync(join(folder, 'config.json'), 'utf8'), /secret|auth":"/)
  assert.equal(mille.run(['pull', '-q', `${locked.host}/private`], { env }).code, 0)
  mille.run(['logout', locked.host], { env })
  assert(!existsSync(join(folder, 'stored')))
})

test('a push sends the layers of a base as they were pulled, never compressed anew', async () => {
  const image = randomImage({ seed: 77 })
  await using client = createRegistryClient({})
  const base = client.openRepository({ registry: debian.host, repository: 'base' })
  await pushImage(base, image)
  await base.tag(image.descriptor, 'latest')
  const context = join(mille.root, 'on-base')
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), `FROM ${debian.host}/base\nCOPY Dockerfile /\n`)
  const name = `${debian.host}/on-base`
  mille.ok('build', '-q', '-t', name, context)
  const out = mille.ok('push', name)
  assert.equal(out.match(/: Mounted from base$/gm)?.length, 2)
  assert.deepEqual(
    layersIn(`docker://${name}`).slice(0, 2),
    image.manifest.layers.map(({ digest }) => digest),
  )
  // the second time nothing is compressed, and the digest is the same
  const digest = /digest: (\S+)/.exec(out)?.[1]
  assert.equal(/digest: (\S+)/.exec(mille.ok('push', name))?.[1], digest)
})

test('registries.json: a pull from a mirror of a registry that cannot be reached, with the name that was asked for (D07)', () => {
  const name = 'registry.invalid/team/app:mirrored'
  mille.ok('tag', 'busybox', `${own}/hub/app:mirrored`)
  mille.ok('push', `${own}/hub/app:mirrored`)
  mkdirSync(join(mille.root, 'config'))
  const file = join(mille.root, 'config/registries.json')
  writeFileSync(file, JSON.stringify({ mirrors: { 'registry.invalid/team': [`http://${own}/hub`] } }))
  try {
    mille.ok('pull', name)
    assert.equal(mille.ok('images', '-q', '--no-trunc', name), busybox)
    writeFileSync(file, '{"mirors": {}}')
    const { code, err } = mille.run(['pull', name])
    assert.equal(code, 1)
    assert.match(err, /config\/registries\.json: unknown key "mirors" in the file: did you mean "mirrors"\?/)
  } finally {
    mille.run(['rmi', name])
    writeFileSync(file, '{}')
  }
})
