import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gunzipSync } from 'node:zlib'
import { formatPlatform, hostPlatform } from '../../src/oci/platform.ts'
import { testMille, type TestMille } from '../support/mille.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let mille: TestMille
let registry: DockerRegistry
let folder: string

const host = formatPlatform(hostPlatform())
const marker = 'marker-8f3a1c'

before(async () => {
  mille = testMille()
  registry = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-attest-'))
  mille.ok('image', 'bootstrap', 'busybox')
  mkdirSync(join(folder, 'node_modules/left'), { recursive: true })
  writeFileSync(join(folder, 'node_modules/left/package.json'), '{"name":"left","version":"1.2.3"}')
  writeFileSync(
    join(folder, 'Dockerfile'),
    'FROM busybox\nARG API_TOKEN\nRUN --network=none --mount=type=secret,id=s test -n "$API_TOKEN" -a -s /run/secrets/s\nCOPY . /app',
  )
})
after(async () => {
  mille[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Entry {
  readonly digest: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly platform: { readonly os: string; readonly architecture: string }
}

interface Document {
  readonly mediaType: string
  readonly manifests: readonly Entry[]
  readonly config: { readonly mediaType: string }
  readonly layers: readonly {
    readonly mediaType: string
    readonly digest: string
    readonly annotations: object
  }[]
}

const raw = (name: string): Document =>
  JSON.parse(
    execFileSync('skopeo', ['inspect', '--raw', '--tls-verify=false', `docker://${name}`]).toString(),
  ) as Document

/** Statements come from the build's own store, where they are blobs like all others. */
function statement(
  tool: TestMille,
  digest: string,
): {
  readonly _type: string
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
  readonly predicateType: string
  readonly predicate: Readonly<Record<string, unknown>>
} {
  const path = join(tool.root, 'blobs/sha256', digest.slice('sha256:'.length))
  return JSON.parse(readFileSync(path, 'utf8')) as ReturnType<typeof statement>
}

const attested = (name: string): string[] => {
  const secret = `id=s,src=${join(folder, 'Dockerfile')}`
  const asked = ['--push', '--sbom=true', '--provenance=mode=max', '--secret', secret]
  return ['build', '-t', name, ...asked, '--build-arg', `API_TOKEN=${marker}`, '--label', `note=${marker}`]
}

test('provenance and SBOM stand beside the image, as buildx attaches them (B88, B89)', () => {
  const name = `${registry.host}/app:1`
  mille.ok(...attested(name), folder)
  const index = raw(name)
  assert.equal(index.mediaType, 'application/vnd.oci.image.index.v1+json')
  const [image, attestation] = index.manifests
  assert.deepEqual(attestation?.platform, { architecture: 'unknown', os: 'unknown' })
  assert.deepEqual(attestation.annotations, {
    'vnd.docker.reference.digest': image?.digest,
    'vnd.docker.reference.type': 'attestation-manifest',
  })
  const manifest = raw(`${registry.host}/app@${attestation.digest}`)
  assert.equal(manifest.config.mediaType, 'application/vnd.oci.image.config.v1+json')
  assert.deepEqual(
    manifest.layers.map(({ mediaType, annotations }) => [mediaType, annotations]),
    ['https://spdx.dev/Document', 'https://slsa.dev/provenance/v1'].map((type) => [
      'application/vnd.in-toto+json',
      { 'in-toto.io/predicate-type': type },
    ]),
  )
  for (const { digest } of manifest.layers) {
    const { _type, subject } = statement(mille, digest)
    assert.equal(_type, 'https://in-toto.io/Statement/v0.1')
    assert.deepEqual(subject, [
      {
        name: `pkg:docker/${registry.host}/app@1?platform=${encodeURIComponent(host)}`,
        digest: { sha256: image?.digest.slice('sha256:'.length) },
      },
    ])
  }
  const listed = JSON.parse(mille.ok('image', 'inspect', '-f', '{{json .Attestations}}', name)) as unknown[]
  assert.equal(listed.length, 2)
  assert.equal(mille.ok('run', '--rm', name, 'ls', '/app'), 'Dockerfile\nnode_modules')
})

test('imagetools reads both back', () => {
  const read = (template: string): unknown =>
    JSON.parse(mille.ok('buildx', 'imagetools', 'inspect', '--format', template, `${registry.host}/app:1`))
  const { SPDX } = read('{{json .SBOM}}') as { SPDX: { spdxVersion: string; packages: { name: string }[] } }
  assert.equal(SPDX.spdxVersion, 'SPDX-2.3')
  assert.deepEqual(
    SPDX.packages.slice(1).map(({ name }) => name),
    ['left'],
  )
  const { SLSA } = read('{{json .Provenance}}') as { SLSA: { buildDefinition: Record<string, never> } }
  const { externalParameters, resolvedDependencies } = SLSA.buildDefinition as unknown as {
    externalParameters: { request: { args: object; secrets: object } }
    resolvedDependencies: { uri: string }[]
  }
  assert.deepEqual(externalParameters.request.args, {
    'build-arg:API_TOKEN': '(hidden)',
    'label:note': '(hidden)',
  })
  assert.deepEqual(externalParameters.request.secrets, [{ id: 's' }])
  assert.deepEqual(
    resolvedDependencies.map(({ uri }) => uri),
    [`pkg:docker/busybox@latest?platform=${encodeURIComponent(host)}`],
  )
})

test('no statement has the value of a secret argument (C-B9)', () => {
  const blobs = join(mille.root, 'blobs/sha256')
  const statements = readdirSync(blobs)
    .map((name) => readFileSync(join(blobs, name)))
    .filter((bytes) => bytes.includes('in-toto.io/Statement'))
  assert.ok(statements.length >= 2)
  for (const bytes of statements) assert.ok(!bytes.includes(marker))
})

test('the same build on another machine gives the same index; times only with --timestamps preserve', () => {
  using other = testMille()
  other.ok('image', 'bootstrap', 'busybox')
  const name = `${registry.host}/app:2`
  const digest = (tool: TestMille, ...more: string[]): string => {
    tool.ok(...attested(name), ...more, folder)
    return mille.ok('buildx', 'imagetools', 'inspect', '--format', '{{.Manifest.Digest}}', name)
  }
  assert.equal(digest(mille), digest(other))
  const provenance = (): string =>
    mille.ok('buildx', 'imagetools', 'inspect', '--format', '{{json .Provenance}}', name)
  assert.doesNotMatch(provenance(), /startedOn/)
  digest(mille, '--timestamps', 'preserve')
  assert.match(provenance(), /"invocationID":"[0-9a-f]{25}","startedOn":"20/)
})

test('each platform has its own; save, load and push keep them as they are', () => {
  writeFileSync(join(folder, 'static'), 'FROM scratch\nCOPY node_modules /node_modules')
  const both = ['--platform', `${host},linux/s390x`]
  mille.ok('build', ...both, '-f', join(folder, 'static'), '--attest', 'type=provenance', '-t', 'two', folder)
  mille.ok('save', '-o', join(folder, 'two.tar'), 'two')
  rmSync(join(folder, 'static'))
  using other = testMille()
  other.ok('load', '-i', join(folder, 'two.tar'))
  rmSync(join(folder, 'two.tar'))
  const name = `${registry.host}/two:1`
  other.ok('tag', 'two', name)
  other.ok('push', name)
  const { manifests } = raw(name)
  assert.deepEqual(
    manifests.map(({ platform }) => platform.os),
    ['linux', 'linux', 'unknown', 'unknown'],
  )
  assert.deepEqual(
    manifests.slice(2).map(({ annotations }) => annotations?.['vnd.docker.reference.digest']),
    manifests.slice(0, 2).map(({ digest }) => digest),
  )
  const layer = raw(`${registry.host}/two@${manifests[0]?.digest}`).layers[0]
  assert.ok(layer)
  gunzipSync(readFileSync(join(mille.root, 'blobs/sha256', layer.digest.slice('sha256:'.length))))
})

interface FileStatement {
  readonly _type: string
  readonly predicateType: string
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[]
}

test('beside files: provenance.json and sbom.spdx.json, whose subjects are the files', () => {
  const file = join(folder, 'files')
  writeFileSync(
    file,
    'FROM busybox AS b\nRUN ln /bin/busybox /two\nFROM scratch\nCOPY --from=b /two /a/two\nCOPY static /',
  )
  writeFileSync(join(folder, 'static'), 'static')
  const asked = ['--provenance=mode=max', '--sbom=true', '-f', file]
  const out = (name: string): string => join(folder, name)
  mille.ok('build', '-q', ...asked, '-o', out('out'), folder)
  const read = (...parts: string[]): FileStatement =>
    JSON.parse(readFileSync(join(folder, ...parts), 'utf8')) as FileStatement
  const provenance = read('out', 'provenance.json')
  assert.equal(provenance._type, 'https://in-toto.io/Statement/v0.1')
  assert.equal(provenance.predicateType, 'https://slsa.dev/provenance/v1')
  assert.equal(read('out', 'sbom.spdx.json').predicateType, 'https://spdx.dev/Document')
  const sumOf = (path: string): string =>
    createHash('sha256')
      .update(readFileSync(join(folder, 'out', path)))
      .digest('hex')
  assert.deepEqual(
    provenance.subject,
    ['a/two', 'static'].map((name) => ({ name, digest: { sha256: sumOf(name) } })),
  )
  // the same in a tar, for each platform with its own, and under another name
  const both = ['--platform', `${host},linux/s390x`]
  const static_ = join(folder, 'static.Dockerfile')
  writeFileSync(static_, 'FROM scratch\nCOPY static /')
  const tar = `type=tar,dest=${out('o.tar')},attestation-prefix=about-`
  mille.ok('build', '-q', '--provenance=true', '-f', static_, ...both, '-o', tar, folder)
  const folders = [host, 'linux/s390x'].map((platform) => platform.replaceAll('/', '_')).sort()
  assert.deepEqual(
    execFileSync('tar', ['-tf', out('o.tar')])
      .toString()
      .trim()
      .split('\n')
      .sort(),
    folders.flatMap((name) => [`${name}/`, `${name}/about-provenance.json`, `${name}/static`]),
  )
  const refused = (...args: string[]): string => mille.run(['build', '-f', static_, ...args, folder]).err
  writeFileSync(static_, 'FROM scratch\nCOPY static /provenance.json')
  assert.match(
    refused('--provenance=true', '-o', out('out2')),
    /the result has a file provenance\.json, where what is stated about it goes: choose attestation-prefix=…/,
  )
  assert.match(refused('-o', `type=local,dest=${out('x')},attestation-prefix=a/b`), /no slash can be in it/)
  for (const name of ['out', 'out2', 'o.tar', 'files', 'static', 'static.Dockerfile'])
    rmSync(out(name), { recursive: true, force: true })
})

test('what cannot be stated is refused before anything runs; without attestations there is no index', () => {
  const fails = (...args: string[]): string => mille.run(['build', ...args, folder]).err
  assert.match(
    fails('--attest', 'type=foo'),
    /unknown attestation type "foo" in "type=foo": there are provenance, sbom/,
  )
  assert.match(fails('--provenance', 'mode=all'), /invalid provenance mode "all": there are min, max/)
  assert.match(fails('--sbom', 'generator=x'), /leave out generator/)
  assert.match(
    fails('--sbom=true', '-o', 'type=image,oci-mediatypes=false'),
    /Docker's media types have no attestations/,
  )
  writeFileSync(join(folder, 'plain'), 'FROM busybox\nENV X=1')
  mille.ok('build', '-q', '-t', 'plain', '--provenance=false', '-f', join(folder, 'plain'), folder)
  assert.match(mille.ok('inspect', '-f', '{{.Descriptor.mediaType}}', 'plain'), /image\.manifest/)
  mille.ok(
    'build',
    '-q',
    '-f',
    join(folder, 'plain'),
    '--sbom=true',
    '-o',
    `type=docker,dest=${join(folder, 'd.tar')}`,
    folder,
  )
  rmSync(join(folder, 'plain'))
  assert.match(mille.ok('load', '-i', join(folder, 'd.tar')), /Loaded image/)
})
