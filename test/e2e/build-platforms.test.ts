import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { canExecute } from '../../src/linux/can-execute.ts'
import { formatPlatform, hostPlatform } from '../../src/oci/platform.ts'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
let folder: string

const host = formatPlatform(hostPlatform())
const foreign = ['linux/s390x', 'linux/ppc64le', 'linux/riscv64'].find(
  (platform) => platform !== host && !canExecute(platform.slice('linux/'.length)),
)
const both = `${host},linux/s390x`

const cross = [
  'FROM --platform=$BUILDPLATFORM busybox AS build',
  'COPY a.txt /',
  'ARG TARGETARCH',
  'RUN echo "for $TARGETARCH" > /out',
  'FROM busybox AS static',
  'FROM scratch',
  'COPY --from=build /out /a.txt /',
  'ENV A=1',
]

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-platforms-'))
  mille.ok('image', 'bootstrap', 'busybox')
  mkdirSync(join(folder, 'context'))
  writeFileSync(join(folder, 'context/a.txt'), 'a')
  writeFileSync(join(folder, 'context/Dockerfile'), cross.join('\n'))
  mille.ok('build', '--platform', both, '-t', 'multi', at('context'))
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const at = (...parts: string[]): string => join(folder, ...parts)

function build(dockerfile: string, ...args: string[]): Ran {
  return mille.run(['build', '--progress', 'plain', '-f', '-', ...args, at('context')], { input: dockerfile })
}

interface Index {
  readonly mediaType: string
  readonly manifests: readonly {
    readonly digest: string
    readonly platform: { readonly architecture: string }
  }[]
}

const raw = (source: string): Index =>
  JSON.parse(execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', source]).toString()) as Index

const architectures = ({ manifests }: Index): string[] =>
  manifests.map(({ platform }) => platform.architecture)

test('several platforms give one index: listed once, each image of it seen and used by its platform (A51, B86)', () => {
  const id = mille
    .ok('images', '-q', '--no-trunc')
    .split('\n')
    .find((one) => one === mille.ok('inspect', '-f', '{{.Id}}', 'multi'))
  assert.ok(id)
  const config = (...args: string[]): string =>
    mille.ok('image', 'inspect', '-f', '{{.Architecture}} {{.Descriptor.mediaType}}', ...args, 'multi')
  assert.match(config(), new RegExp(`^${hostPlatform().architecture} application/vnd.oci.image.index`))
  assert.match(config('--platform', 'linux/s390x'), /^s390x application\/vnd.oci.image.manifest/)
  const missing = mille.run(['image', 'inspect', '--platform', 'linux/mips64le', 'multi'])
  assert.match(
    missing.err,
    /multi:latest was found but does not provide the specified platform \(linux\/mips64le\)/,
  )
  const text = (platform: string): string => {
    const id = mille.ok('create', '--platform', platform, 'multi', 'x')
    mille.ok('cp', `${id}:/out`, at('out'))
    mille.ok('rm', id)
    return readFileSync(at('out'), 'utf8')
  }
  assert.equal(text(host), `for ${hostPlatform().architecture}\n`)
  assert.equal(text('linux/s390x'), 'for s390x\n')
})

test('steps that are the same are done once, and progress says which platform each is of', () => {
  const { err } = build(cross.join('\n'), '--no-cache', '--platform', both)
  // the reason of a miss may come later, in a line of its own
  const titles = err.split('\n').flatMap((line) => /^#\d+ (\[.*?)(?: \(--no-cache\))?$/.exec(line)?.[1] ?? [])
  assert.deepEqual(
    titles.toSorted(),
    [
      `[${host} build 1/3] FROM docker.io/library/busybox:latest`,
      `[${host} build 2/3] COPY a.txt /`,
      `[${host} build 3/3] RUN echo "for $TARGETARCH" > /out`,
      `[${host} stage-2 1/1] COPY --from=build /out /a.txt /`,
      `[${host}->s390x build 3/3] RUN echo "for $TARGETARCH" > /out`,
      '[linux/s390x stage-2 1/1] COPY --from=build /out /a.txt /',
    ].toSorted(),
  )
})

test('FROM an index takes the image of the platform', () => {
  const { code, err } = build('FROM multi\nLABEL x=y', '--platform', both, '-t', 'child')
  assert.equal(code, 0, err)
  const layer = (name: string): string =>
    mille.ok('image', 'inspect', '--platform', 'linux/s390x', '-f', '{{json .RootFS.Layers}}', name)
  assert.equal(layer('child'), layer('multi'))
})

test('push sends the whole index or one platform of it; what a build pushes itself is the same', () => {
  const name = `${registry.host}/multi`
  mille.ok('tag', 'multi', name)
  assert.match(mille.ok('push', name), /^latest: digest: sha256:[0-9a-f]{64} size: \d+$/m)
  const pushed = raw(`docker://${name}:latest`)
  assert.deepEqual(architectures(pushed), [hostPlatform().architecture, 's390x'])
  mille.ok('build', '--platform', both, '-t', `${name}:direct`, '--push', at('context'))
  assert.deepEqual(raw(`docker://${name}:direct`), pushed)
  mille.ok('tag', 'multi', `${name}:one`)
  mille.ok('push', '--platform', 'linux/s390x', `${name}:one`)
  assert.match(raw(`docker://${name}:one`).mediaType, /image\.manifest/)
  mille.ok('rmi', name, `${name}:one`, `${name}:direct`)
  mille.ok('pull', '--platform', 'linux/s390x', name)
  assert.equal(mille.ok('inspect', '-f', '{{.Architecture}}', name), 's390x')
})

test('save and load keep the index; an OCI archive has it too', () => {
  const id = mille.ok('inspect', '-f', '{{.Id}}', 'multi')
  mille.ok('save', '-o', at('m.tar'), 'multi')
  assert.deepEqual(architectures(raw(`oci-archive:${at('m.tar')}`)), [hostPlatform().architecture, 's390x'])
  using other = testMille()
  assert.equal(other.ok('load', '-i', at('m.tar')), 'Loaded image: multi:latest')
  assert.equal(other.ok('inspect', '-f', '{{.Id}}', 'multi'), id)
  assert.equal(
    other.ok('image', 'inspect', '--platform', 'linux/s390x', '-f', '{{.Architecture}}', 'multi'),
    's390x',
  )
  assert.deepEqual(other.ok('images', '-aq').split('\n').length, 1)
  other.ok('rmi', 'multi')
  assert.equal(other.ok('images', '-aq'), '')
  mille.ok('build', '--platform', both, '-o', `type=oci,dest=${at('o.tar')}`, at('context'))
  assert.deepEqual(architectures(raw(`oci-archive:${at('o.tar')}`)), [hostPlatform().architecture, 's390x'])
  other.ok('load', '-i', at('o.tar'))
})

test('files of several platforms go into a folder each; one Docker archive cannot hold them (D-C7)', () => {
  mille.ok('build', '--platform', both, '-o', at('files'), at('context'))
  assert.deepEqual(readdirSync(at('files')).toSorted(), [host.replace('/', '_'), 'linux_s390x'])
  assert.equal(readFileSync(at('files/linux_s390x/out'), 'utf8'), 'for s390x\n')
  mille.ok('build', '--platform', both, '-o', `type=tar,dest=${at('f.tar')}`, at('context'))
  const listed = execFileSync('tar', ['-tf', at('f.tar')]).toString()
  assert.ok(listed.includes('linux_s390x/out\n'))
  const refused = build(cross.join('\n'), '--platform', both, '-o', `type=docker,dest=${at('d.tar')}`)
  assert.equal(refused.code, 1)
  assert.match(refused.err, /docker exporter does not currently support exporting manifest lists/)
})

test(
  'RUN of a platform whose programs do not start says which package helps (A48)',
  { skip: foreign === undefined },
  () => {
    writeFileSync(at('context/sh'), 'x')
    mille.run(['build', '--platform', foreign ?? '', '-t', 'foreign', '-f', '-', at('context')], {
      input: 'FROM scratch\nCOPY --chmod=755 sh /bin/sh',
    })
    const { code, err } = build('FROM foreign\nRUN true', '--platform', foreign ?? '')
    assert.equal(code, 1)
    assert.match(err, /does not start programs of linux\/\w+: install the Debian package qemu-user-static/)
    assert.match(err, />  2 \| RUN true/)
  },
)

test('run --platform does not take an image of another platform for the wanted one', () => {
  const { code, err } = mille.run(['run', '--rm', '--pull', 'never', '--platform', 'linux/s390x', 'busybox'])
  assert.equal(code, 125)
  assert.match(err, /busybox was found but does not provide the specified platform \(linux\/s390x\)/)
})

test('save, load and rmi --platform: one platform of an index leaves and comes, it does not go alone', () => {
  const one = at('one.tar')
  const whole = at('whole.tar')
  mille.ok('save', '--platform', 'linux/s390x', '-o', one, 'multi')
  mille.ok('save', '-o', whole, 'multi')
  const inspect = ['inspect', '--override-arch', 's390x', '--format', '{{.Architecture}}']
  assert.equal(
    execFileSync('skopeo', [...inspect, `oci-archive:${one}`], { encoding: 'utf8' }).trim(),
    's390x',
  )
  const missing = mille.run(['save', '--platform', 'linux/riscv64', '-o', at('none.tar'), 'multi'])
  assert.equal(missing.code, 1)
  assert.match(
    missing.err,
    /multi:latest was found but does not provide the specified platform \(linux\/riscv64\)/,
  )
  assert.ok(!existsSync(at('none.tar')))

  using other = testMille()
  const ids = new Set<string>()
  for (const archive of [one, whole]) {
    assert.equal(other.ok('load', '--platform', 'linux/s390x', '-i', archive), 'Loaded image: multi:latest')
    ids.add(other.ok('images', '-q', '--no-trunc'))
    assert.equal(other.ok('inspect', '-f', '{{.Architecture}}', 'multi'), 's390x')
    const wrong = other.run(['rmi', '--platform', host, 'multi'])
    assert.equal(wrong.code, 1)
    assert.match(
      wrong.err,
      /image with reference multi was found but does not provide the specified platform/,
    )
    assert.match(other.ok('rmi', '--platform', 'linux/s390x', 'multi'), /^Untagged: multi:latest$/m)
    assert.equal(other.ok('images', '-q'), '')
  }
  assert.equal(ids.size, 1, 'the same image by both ways')
  const refused = other.run(['load', '--platform', 'linux/riscv64', '-i', one])
  assert.equal(refused.code, 1)
  assert.match(
    refused.err,
    /no matching manifest for linux\/riscv64 in the manifest list entries; it has linux\/s390x/,
  )
  assert.equal(other.ok('images', '-q'), '')

  const together = mille.run(['rmi', '--platform', host, 'multi'])
  assert.equal(together.code, 1)
  assert.match(
    together.err,
    /multi is one index of .*linux\/s390x.*: its platforms are kept or removed together/,
  )
  assert.equal(mille.run(['image', 'inspect', '--platform', host, 'multi']).code, 0)
})
