import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type TestMille } from '../support/mille.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
let other: DockerRegistry
let folder: string

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  other = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-manifests-'))
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /file\nENV A=1')
  for (const architecture of ['amd64', 'arm64'])
    mille.ok('build', '--platform', `linux/${architecture}`, '-t', at(architecture), '--push', folder)
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  await other[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const at = (tag: string, host: string = registry.host): string => `${host}/app:${tag}`

interface Listed {
  readonly mediaType: string
  readonly manifests: readonly {
    readonly digest: string
    readonly platform: Readonly<Record<string, unknown>>
    readonly annotations?: Readonly<Record<string, string>>
  }[]
  readonly annotations?: Readonly<Record<string, string>>
}

function raw(name: string): Listed {
  const args = ['inspect', '--raw', '--tls-verify=false', `docker://${name}`]
  return JSON.parse(execFileSync('skopeo', args).toString()) as Listed
}

const platforms = ({ manifests }: Listed): unknown[] => manifests.map(({ platform }) => platform)

const digestOf = (tag: string): string =>
  mille.ok('buildx', 'imagetools', 'inspect', '--format', '{{.Manifest.Digest}}', at(tag))

test('manifest create, annotate, inspect, push: one list of two images, its draft dropped (A50, C20)', () => {
  const list = at('list')
  assert.equal(
    mille.ok('manifest', 'create', list, at('amd64'), at('arm64')),
    `Created manifest list ${list}`,
  )
  const again = mille.run(['manifest', 'create', list, at('amd64')])
  assert.deepEqual(
    [again.code, again.err],
    [1, 'refusing to amend an existing manifest list with no --amend flag\n'],
  )
  mille.ok('manifest', 'create', '--amend', list, at('amd64'))
  mille.ok('manifest', 'annotate', '--variant', 'v8', '--os-features', 'a,b', list, at('arm64'))
  const wrong = mille.run(['manifest', 'annotate', '--arch', 'foo', list, at('arm64')])
  assert.equal(wrong.err, 'manifest entry for image has unsupported os/arch combination: linux/foo\n')
  const shown = mille.ok('manifest', 'inspect', list)
  const wanted = [
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux', 'os.features': ['a', 'b'], variant: 'v8' },
  ]
  assert.deepEqual(platforms(JSON.parse(shown) as Listed), wanted)
  assert.match(shown, /^ {3}"manifests": \[\n {6}\{\n {9}"mediaType": .*\n {9}"size": \d+,\n {9}"digest"/m)
  const lines = mille.ok('manifest', 'push', '--purge', list).split('\n')
  assert.equal(lines.length, 3)
  assert.equal(
    lines[0],
    `Pushed ref ${registry.host}/app@${digestOf('amd64')} with digest: ${digestOf('amd64')}`,
  )
  assert.deepEqual(platforms(raw(list)), wanted)
  assert.equal(mille.run(['manifest', 'rm', list]).err, `No such manifest: ${list}\n`)
  assert.equal(mille.run(['manifest', 'create', at('x'), list]).err, `${list} is a manifest list\n`)
  mille.ok('rmi', at('amd64'), at('arm64'))
  mille.ok('pull', '--platform', 'linux/arm64/v8', list)
  assert.equal(mille.ok('inspect', '-f', '{{.Architecture}}', list), 'arm64')
})

test('manifest inspect: what a registry has, without a pull (A49)', () => {
  const manifest = mille.ok('manifest', 'inspect', at('amd64'))
  assert.match(
    manifest,
    /^\{\n\t"schemaVersion": 2,\n\t"mediaType": "application\/vnd.oci.image.manifest.v1\+json"/,
  )
  const verbose = JSON.parse(mille.ok('manifest', 'inspect', '-v', at('arm64'))) as {
    Ref: string
    Descriptor: { platform: object }
    Raw: string
  }
  assert.equal(verbose.Ref, at('arm64'))
  assert.deepEqual(verbose.Descriptor.platform, { architecture: 'arm64', os: 'linux' })
  assert.match(Buffer.from(verbose.Raw, 'base64').toString(), /^\{"schemaVersion":2/)
  const { code, err } = mille.run(['manifest', 'inspect', at('nope')])
  assert.deepEqual([code, err], [1, `no such manifest: ${at('nope')}\n`])
})

test('imagetools create: an index of sources, across registries; annotations, --append, platforms (B98)', () => {
  const target = at('all', other.host)
  const create = (...args: string[]): string => mille.ok('buildx', 'imagetools', 'create', ...args)
  create(
    '-t',
    target,
    '--annotation',
    'index:a=b',
    '--annotation',
    'manifest-descriptor[linux/arm64]:c=d',
    at('amd64'),
    at('arm64'),
  )
  const all = raw(target)
  assert.deepEqual(all.annotations, { a: 'b' })
  assert.deepEqual(
    all.manifests.map(({ annotations }) => annotations),
    [undefined, { c: 'd' }],
  )
  mille.ok('pull', '--platform', 'linux/amd64', target)
  create('-t', at('grown'), at('amd64'))
  assert.equal(raw(at('grown')).manifests.length, 1)
  create('--append', '-t', at('grown'), at('arm64'))
  assert.deepEqual(platforms(raw(at('grown'))), [
    { architecture: 'amd64', os: 'linux' },
    { architecture: 'arm64', os: 'linux' },
  ])
  const filtered = JSON.parse(create('--dry-run', '-p', 'linux/arm64', at('grown'))) as Listed
  assert.deepEqual(platforms(filtered), [{ architecture: 'arm64', os: 'linux' }])
  create('--prefer-index=false', '-t', at('copy'), at('amd64'))
  assert.equal(digestOf('copy'), digestOf('amd64'))
  create('-t', at('index'), at('grown'))
  assert.equal(digestOf('index'), digestOf('grown'))
  const descriptor = mille.ok(
    'buildx',
    'imagetools',
    'inspect',
    '--format',
    '{{json .Manifest}}',
    at('amd64'),
  )
  writeFileSync(join(folder, 'd.json'), descriptor)
  create('-t', at('file'), '-f', join(folder, 'd.json'))
  assert.equal(raw(at('file')).manifests[0]?.digest, digestOf('amd64'))
  const fails = (...args: string[]): string => mille.run(['buildx', 'imagetools', 'create', ...args]).err
  assert.equal(fails('-t', target), 'ERROR: no sources specified\n')
  assert.match(
    fails('-t', target, '--annotation', 'x=y', at('amd64')),
    /ERROR: "manifest" annotations are not supported/,
  )
  assert.match(fails('-t', target, at('nope')), /^ERROR: manifest for .*nope not found/)
})

test('imagetools inspect: text, template, raw bytes', () => {
  const text = mille.ok('buildx', 'imagetools', 'inspect', at('grown')).split('\n')
  assert.deepEqual(text.slice(0, 2), [
    `Name:      ${at('grown')}`,
    'MediaType: application/vnd.oci.image.index.v1+json',
  ])
  assert.equal(text.at(-1), '  Platform:  linux/arm64')
  const format = (template: string, tag: string): string =>
    mille.ok('buildx', 'imagetools', 'inspect', '--format', template, at(tag))
  assert.equal(
    format('{{(index .Image "linux/arm64").Architecture}} {{.Name}}', 'grown'),
    `arm64 ${at('grown')}`,
  )
  assert.equal(format('{{.Image.Config.Env}}', 'amd64').includes('A=1'), true)
  assert.deepEqual(Object.keys(JSON.parse(format('{{json .}}', 'grown')) as object), [
    'name',
    'manifest',
    'image',
  ])
  assert.equal(format('{{json .Provenance}}', 'amd64'), '{}')
  const bytes = mille.run(['buildx', 'imagetools', 'inspect', '--raw', at('grown')]).out
  assert.deepEqual(JSON.parse(bytes), raw(at('grown')))
})
