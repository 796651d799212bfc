import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
let folder: string

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-outputs-'))
  mille.ok('image', 'bootstrap', 'busybox')
  mkdirSync(join(folder, 'context'))
  writeFileSync(join(folder, 'context/a.txt'), 'a\n')
  const lines = [
    'FROM busybox',
    'COPY a.txt /w/',
    'RUN ln -s /etc/passwd /w/link && cp /w/a.txt /w/b && chmod 4755 /w/b',
  ]
  writeFileSync(join(folder, 'context/Dockerfile'), lines.join('\n'))
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const at = (...parts: string[]): string => join(folder, ...parts)
const build = (...args: string[]): Ran => mille.run(['build', '--progress', 'plain', ...args, at('context')])

function built(...args: string[]): Ran {
  const ran = build(...args)
  assert.equal(ran.code, 0, ran.err)
  return ran
}

const skopeo = (...args: string[]): Record<string, unknown> =>
  JSON.parse(execFileSync('skopeo', args).toString()) as Record<string, unknown>

interface Layers {
  readonly mediaType: string
  readonly config: { readonly mediaType: string }
  readonly layers: readonly { readonly mediaType: string; readonly digest: string }[]
  readonly annotations?: Readonly<Record<string, string>>
}

const layerTypes = (manifest: Layers): string[] =>
  manifest.layers.map(({ mediaType }) => mediaType.replace(/^.*tar/, 'tar'))

test('an OCI archive and a Docker archive: other tools read them, and nothing stays in the store', () => {
  built('-t', 'arch', '-o', `type=oci,dest=${at('o.tar')}`, '-o', `type=docker,dest=${at('d.tar')}`)
  const oci = skopeo('inspect', '--raw', `oci-archive:${at('o.tar')}`) as unknown as Layers
  assert.deepEqual(layerTypes(oci), ['tar+gzip', 'tar+gzip', 'tar+gzip'])
  const docker = skopeo('inspect', `docker-archive:${at('d.tar')}:arch:latest`)
  assert.equal((docker['Layers'] as string[]).length, 3)
  assert.deepEqual(mille.ok('images', '-q', 'arch'), '')
  assert.match(mille.ok('load', '-i', at('o.tar')), /Loaded image: arch:latest/)
  assert.equal(mille.ok('run', '--rm', 'arch', 'cat', '/w/b'), 'a')
})

test('tar=false: an OCI layout in a folder that keeps the other images', () => {
  const layout = at('layout')
  built('-t', 'one:1', '-o', `type=oci,tar=false,dest=${layout}`)
  built('-t', 'two:2', '--label', 'x=y', '-o', `type=oci,tar=false,dest=${layout}`)
  built('-t', 'two:2', '--label', 'x=z', '-o', `type=oci,tar=false,dest=${layout}`)
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { annotations: Record<string, string> }[]
  }
  assert.deepEqual(
    manifests.map(({ annotations }) => annotations['io.containerd.image.name']),
    ['docker.io/library/one:1', 'docker.io/library/two:2'],
  )
  assert.equal((skopeo('inspect', `oci:${layout}:2`)['Labels'] as { x: string }).x, 'z')
  assert.deepEqual(
    readdirSync(join(layout, 'blobs/sha256')).filter((name) => name.includes('.')),
    [],
  )
})

test('files of the result: a folder, a tar, standard output; one tar whenever the sources were made', () => {
  built('-o', at('out'))
  assert.equal(readFileSync(at('out/w/a.txt'), 'utf8'), 'a\n')
  assert.equal(readlinkSync(at('out/w/link')), '/etc/passwd')
  assert.equal(lstatSync(at('out/w/b')).mode & 0o7777, 0o755, 'no setuid bit for a file of another owner')
  built('-o', `type=tar,dest=${at('one.tar')}`)
  utimesSync(at('context/a.txt'), 1e9, 1e9)
  built('--no-cache', '-o', `type=tar,dest=${at('two.tar')}`)
  assert.ok(readFileSync(at('one.tar')).equals(readFileSync(at('two.tar'))))
  const listed = execFileSync('tar', ['-tf', at('one.tar')])
    .toString()
    .split('\n')
  assert.ok(listed.includes('w/link') && listed.includes('bin/busybox') && !listed.includes('./'))
  const piped = built('-q', '-o', '-')
  assert.ok(piped.out.includes('w/a.txt'))
})

test('split into a folder for the platform', () => {
  built('-o', `type=local,dest=${at('split')},platform-split=true`)
  assert.deepEqual(readdirSync(at('split')), [process.arch === 'arm64' ? 'linux_arm64' : 'linux_amd64'])
})

test('an export never goes through a link at its destination (C-B12)', () => {
  mkdirSync(at('victim'))
  mkdirSync(at('trap'))
  symlinkSync(at('victim'), at('trap/w'))
  symlinkSync(at('victim/passwd'), at('trap/etc'))
  built('-o', `type=local,dest=${at('trap')}`)
  assert.deepEqual(readdirSync(at('victim')), [])
  assert.ok(lstatSync(at('trap/w')).isDirectory())
  rmSync(at('trap'), { recursive: true })
  mkdirSync(at('trap/w/b/mine'), { recursive: true })
  const refused = build('-o', `type=local,dest=${at('trap')}`)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /the result has a file w\/b, where the destination has a folder: remove it first/)
  assert.ok(existsSync(at('trap/w/b/mine')))
  assert.deepEqual(
    readdirSync(at('trap/w')).filter((name) => name.startsWith('.mille')),
    [],
  )
})

test('cacheonly leaves no image, and the next build is cached', () => {
  const before = mille.ok('images', '-aq')
  built('--build-arg', 'X=1', '-o', 'type=cacheonly', '-t', 'nothing')
  assert.equal(mille.ok('images', '-aq'), before)
  assert.doesNotMatch(built('-o', 'type=cacheonly').err, /not built before/)
})

test('--push: the registry has what a build and a push give; compression, annotations, media types, digest only', () => {
  const name = `${registry.host}/app`
  const raw = (tag: string): Layers =>
    skopeo('inspect', '--raw', '--tls-verify=false', `docker://${name}:${tag}`) as unknown as Layers
  built('-t', `${name}:1`)
  mille.ok('push', `${name}:1`)
  built('-t', `${name}:2`, '--push', '--metadata-file', at('meta.json'))
  assert.deepEqual(raw('2'), raw('1'))
  const meta = JSON.parse(readFileSync(at('meta.json'), 'utf8')) as Record<string, unknown>
  assert.deepEqual(Object.keys(meta), [
    'buildx.build.provenance',
    'buildx.build.ref',
    'containerimage.config.digest',
    'containerimage.descriptor',
    'containerimage.digest',
    'image.name',
  ])
  assert.equal(meta['containerimage.config.digest'], mille.ok('inspect', '-f', '{{.Id}}', `${name}:2`))
  assert.equal(meta['image.name'], `${name}:2`)
  const materials = /"resolvedDependencies":\[\{"uri":"pkg:docker\/busybox@/
  assert.match(JSON.stringify(meta['buildx.build.provenance']), materials)
  built('--push', '-o', `type=image,name=${name}:3,compression=zstd`, '--annotation', 'a.b=c')
  assert.deepEqual(layerTypes(raw('3')), ['tar+zstd', 'tar+zstd', 'tar+zstd'])
  assert.deepEqual(raw('3').annotations, { 'a.b': 'c' })
  built('-o', `type=registry,name=${name}:4,oci-mediatypes=false,compression=gzip,compression-level=9`)
  assert.equal(raw('4').mediaType, 'application/vnd.docker.distribution.manifest.v2+json')
  assert.equal(raw('4').config.mediaType, 'application/vnd.docker.container.image.v1+json')
  assert.notEqual(raw('4').layers[0]?.digest, raw('1').layers[0]?.digest)
  built(
    '--label',
    'only=digest',
    '-o',
    `type=image,name=${name},push-by-digest=true,push=true`,
    '--metadata-file',
    at('meta.json'),
  )
  const { 'containerimage.digest': digest } = JSON.parse(readFileSync(at('meta.json'), 'utf8')) as Record<
    string,
    string
  >
  mille.ok('rmi', '-f', ...new Set(mille.ok('images', '-q', name).split('\n')))
  mille.ok('pull', `${name}@${digest}`)
  assert.equal(mille.ok('run', '--rm', `${name}@${digest}`, 'cat', '/w/a.txt'), 'a')
  const tags = JSON.parse(
    execFileSync('skopeo', ['list-tags', '--tls-verify=false', `docker://${name}`]).toString(),
  ) as { Tags: string[] }
  assert.deepEqual(tags.Tags.toSorted(), ['1', '2', '3', '4'])
})

test('--metadata-file: provenance of each platform as buildx records it, none when it is not wanted', () => {
  const record = (mode: string, ...more: string[]): Record<string, unknown> => {
    const words = ['build', '-q', '-o', 'type=cacheonly', '--metadata-file', at('meta.json'), ...more]
    const { code, err } = mille.run([...words, at('context')], { env: { BUILDX_METADATA_PROVENANCE: mode } })
    assert.equal(code, 0, err)
    return JSON.parse(readFileSync(at('meta.json'), 'utf8')) as Record<string, unknown>
  }
  assert.deepEqual(Object.keys(record('disabled')), ['buildx.build.ref'])
  const secret = ['--build-arg', 'API_TOKEN=hunter2hunter2', '--build-arg', 'OTHER=shown']
  const max = JSON.stringify(record('max', ...secret)['buildx.build.provenance'])
  assert.match(max, /"build-arg:OTHER":"shown"/)
  assert.doesNotMatch(max, /hunter2/)
  writeFileSync(at('Scratch'), 'FROM scratch\nCOPY a.txt /\n')
  const both = record('', '--platform', 'linux/amd64,linux/arm64', '-f', at('Scratch'))
  assert.deepEqual(Object.keys(both), [
    'buildx.build.provenance/linux/amd64',
    'buildx.build.provenance/linux/arm64',
    'buildx.build.ref',
  ])
})

test('a base keeps the compression it came with, unless it is forced', () => {
  const name = `${registry.host}/base`
  built('-o', `type=registry,name=${name},compression=zstd`)
  mille.ok('rmi', '-f', ...new Set(mille.ok('images', '-q', name).split('\n')))
  writeFileSync(at('child'), `FROM ${name}\nRUN echo > /new`)
  const types = (extra: string): string[] => {
    built('-f', at('child'), '-o', `type=oci,dest=${at('c.tar')}${extra}`)
    return layerTypes(skopeo('inspect', '--raw', `oci-archive:${at('c.tar')}`) as unknown as Layers)
  }
  assert.deepEqual(types(''), ['tar+zstd', 'tar+zstd', 'tar+zstd', 'tar+gzip'])
  assert.deepEqual(types(',compression=gzip,force-compression=true'), Array(4).fill('tar+gzip'))
})

test('squash as an attribute of one output', () => {
  built('-t', 'flat', '-o', `type=oci,dest=${at('s.tar')},squash=true`, '-o', 'type=image')
  const flat = skopeo('inspect', '--raw', `oci-archive:${at('s.tar')}`) as unknown as Layers
  assert.equal(flat.layers.length, 2)
  assert.equal(mille.ok('inspect', '-f', '{{len .RootFS.Layers}}', 'flat'), '3')
})

test('an export that fails leaves no file (B-BD-3)', () => {
  const { code, err } = build('-t', 'x', '-o', `type=oci,dest=${at('nowhere/x.tar')}`)
  assert.equal(code, 1)
  assert.match(err, /nowhere\/x\.tar/)
  const full = mille.run(['build', '-o', 'type=tar,dest=/dev/full', at('context')])
  assert.equal(full.code, 1)
  assert.match(full.err, /no space left on device/i)
  const late = build('-o', `type=tar,dest=${at('late.tar')}`, '-o', 'type=image,push=true,name=127.0.0.1:1/x')
  assert.equal(late.code, 1)
  assert.ok(existsSync(at('late.tar')), 'an output that was finished before stays')
})

test('a squashed layer does not depend on when its sources were made', () => {
  writeFileSync(at('context/late.txt'), 'once')
  writeFileSync(at('late'), 'FROM busybox\nCOPY late.txt /\nRUN rm /bin/vi')
  const squashed = (time: number): Buffer => {
    utimesSync(at('context/late.txt'), time, time)
    built('-f', at('late'), '-o', `type=oci,dest=${at('late.tar')},squash=true`)
    // the layer's files must be read anew: a layer that is there keeps the times it was first made with
    mille.ok('builder', 'prune', '-af')
    return readFileSync(at('late.tar'))
  }
  assert.ok(squashed(1e9).equals(squashed(1.5e9)))
})
