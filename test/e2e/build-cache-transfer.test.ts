import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { testMille, type Ran, type TestMille } from '../support/mille.ts'
import { startDockerRegistry, type DockerRegistry } from '../support/start-docker-registry.ts'

let first: TestMille
let registry: DockerRegistry
let folder: string

const dockerfile = [
  'FROM busybox AS build',
  'WORKDIR /src',
  'COPY a.txt .',
  'RUN cat a.txt > b && head -c 300000 /dev/urandom > big',
  'FROM busybox',
  'RUN head -c 9 /dev/urandom > /random',
  'COPY --from=build /src/b /b',
  'RUN true',
  'ENV X=1',
]

before(async () => {
  first = machine()
  registry = await startDockerRegistry()
  folder = mkdtempSync(join(tmpdir(), 'mille-cache-'))
  mkdirSync(at('context'))
  writeFileSync(at('context/a.txt'), 'hello\n')
  writeFileSync(at('context/Dockerfile'), dockerfile.join('\n'))
})
after(async () => {
  first[Symbol.dispose]()
  await registry[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

const at = (...parts: string[]): string => join(folder, ...parts)

/** Another one, with nothing but a base image. */
function machine(): TestMille {
  const made = testMille()
  made.ok('image', 'bootstrap', 'busybox')
  return made
}

function build(on: TestMille, ...args: string[]): Ran {
  const ran = on.run(['build', '--progress', 'rawjson', ...args, at('context')])
  assert.equal(ran.code, 0, ran.err)
  return ran
}

/** As a user sees it, whether it succeeds or not. */
const plain = (on: TestMille, ...args: string[]): Ran =>
  on.run(['build', '--progress', 'plain', ...args, at('context')])

/** As `plain`, of a build that succeeds: what was said. */
function said(on: TestMille, ...args: string[]): string {
  const { code, err } = plain(on, ...args)
  assert.equal(code, 0, err)
  return err
}

/** Names of the steps that were not cached. */
function steps({ err }: Ran): string[] {
  const lines = err.split('\n').filter((line) => line.startsWith('{'))
  const last = lines.map(
    (line) => JSON.parse(line) as { type: string; steps?: { name: string; cached: boolean }[] },
  )
  const result = last.find(({ type }) => type === 'result')
  return (result?.steps ?? []).filter(({ cached }) => !cached).map(({ name }) => name)
}

const idOf = (on: TestMille, name: string): string => on.ok('inspect', '-f', '{{.Id}}', name)

/** Is the layer of the builder stage on that machine? */
function hasBuilderLayer({ root }: TestMille): boolean {
  const blobs = join(root, 'blobs/sha256')
  const sizes = readdirSync(blobs).map((name) => statSync(join(blobs, name)).size)
  return sizes.some((size) => size > 300_000 && size < 400_000)
}

test('local, mode=max: another machine finds every step, and fetches only the layers of its image', () => {
  build(first, '-t', 'app', '--cache-to', `type=local,dest=${at('cache')},mode=max,compression=zstd`)
  using other = machine()
  const ran = build(other, '-t', 'app', '--cache-from', `type=local,src=${at('cache')}`)
  assert.deepEqual(steps(ran), [])
  assert.equal(idOf(other, 'app'), idOf(first, 'app'))
  assert.equal(other.ok('run', '--rm', 'app', 'cat', '/b'), 'hello')
  assert.ok(!hasBuilderLayer(other))
  assert.deepEqual(
    steps(build(other, '--target', 'build', '--cache-from', `type=local,src=${at('cache')}`)),
    [],
  )
})

test('what was found in a cache is found again without it; what lies there only is made here when it is needed', () => {
  using other = machine()
  build(other, '-t', 'app', '--cache-from', `type=local,src=${at('cache')}`)
  const again = build(other, '-t', 'again', '--cache-to', `type=local,dest=${at('partly')},mode=max`)
  assert.deepEqual(steps(again), [])
  assert.equal(idOf(other, 'again'), idOf(first, 'app'))
  assert.ok(!hasBuilderLayer(other))
  // its files are asked for: what was left in the cache is made anew, what is here stays cached
  writeFileSync(at('context/other'), dockerfile.join('\n').replace('/src/b /b', '/src/big /b'))
  const more = build(other, '-t', 'more', '-f', at('context/other'))
  rmSync(at('context/other'))
  assert.deepEqual(steps(more), [
    'RUN cat a.txt > b && head -c 300000 /dev/urandom > big',
    'COPY --from=build /src/big /b',
    'RUN true',
  ])
  assert.doesNotMatch(more.err, /"type":"(warning|error)"/)
  assert.equal(other.ok('run', '--rm', 'more', 'wc', '-c', '/b'), '300000 /b')
  // a step whose bytes were not at hand is not in the cache that was written from here
  using third = machine()
  assert.deepEqual(
    steps(build(third, '-t', 'app', '--cache-from', `type=local,src=${at('partly')}`)).slice(0, 1),
    ['RUN cat a.txt > b && head -c 300000 /dev/urandom > big'],
  )
})

test('registry, mode=min: the steps of the image are cached, those before it run again', () => {
  const ref = `${registry.host}/app:cache`
  build(first, '-t', 'app', '--cache-to', `type=registry,ref=${ref}`)
  using other = machine()
  assert.deepEqual(steps(build(other, '-t', 'app', '--cache-from', ref)), [
    'WORKDIR /src',
    'COPY a.txt .',
    'RUN cat a.txt > b && head -c 300000 /dev/urandom > big',
  ])
  assert.equal(idOf(other, 'app'), idOf(first, 'app'))
})

test('inline: the image itself is the cache; its records do not change what it runs', () => {
  const name = `${registry.host}/inline:1`
  build(first, '-t', name, '--push', '--cache-to', 'type=inline')
  using other = machine()
  const ran = build(other, '-t', 'again', '--cache-from', name)
  assert.ok(!steps(ran).includes('RUN head -c 9 /dev/urandom > /random'))
  const random = (on: TestMille, image: string): string => on.ok('run', '--rm', image, 'sha256sum', '/random')
  assert.equal(random(other, 'again'), random(first, name))
  const old = build(first, '-t', 'old', '--build-arg', 'BUILDKIT_INLINE_CACHE=1')
  assert.deepEqual(steps(old), [])
  assert.equal(idOf(first, 'old'), idOf(first, name))
})

test('what came from a cache goes into the next one, with all its keys, though it never came here', () => {
  using second = machine()
  const caches = [
    '--cache-from',
    `type=local,src=${at('cache')}`,
    '--cache-to',
    `type=local,dest=${at('next')},mode=max`,
  ]
  assert.deepEqual(steps(build(second, '-o', 'type=cacheonly', ...caches)), [])
  using third = machine()
  assert.deepEqual(steps(build(third, '-t', 'app', '--cache-from', `type=local,src=${at('next')}`)), [])
  assert.equal(idOf(third, 'app'), idOf(first, 'app'))
  // the key of a COPY's bytes is in it as well as that of its text: another builder stage with the same file hits it
  writeFileSync(at('context/other'), dockerfile.join('\n').replace('> big', '> large'))
  using fourth = machine()
  const ran = build(fourth, '-f', at('context/other'), '--cache-from', `type=local,src=${at('next')}`)
  rmSync(at('context/other'))
  assert.deepEqual(steps(ran), ['RUN cat a.txt > b && head -c 300000 /dev/urandom > large'])
})

test('a changed file is a miss from there on', () => {
  using other = machine()
  writeFileSync(at('context/a.txt'), 'changed\n')
  const ran = build(other, '-t', 'app', '--cache-from', `type=local,src=${at('cache')}`)
  writeFileSync(at('context/a.txt'), 'hello\n')
  assert.deepEqual(steps(ran).slice(0, 1), ['COPY a.txt .'])
  assert.equal(other.ok('run', '--rm', 'app', 'cat', '/b'), 'changed')
})

test('no cache, a foreign image, an unreachable registry: a warning, and the build does without (B-BD-10)', () => {
  using other = machine()
  const warned = (from: string): string => said(other, '--cache-from', from, '--target', 'build')
  assert.match(warned(`${registry.host}/app:nothing`), /nothing of mille there/)
  assert.match(warned(`type=local,src=${at('nowhere')}`), /nothing of mille there/)
  assert.match(warned('127.0.0.1:1/x'), /BuildCache: the cache of 127\.0\.0\.1:1\/x is not used/)
})

/** A copy of the good cache with one blob changed by `damage`; names stay as they are. */
function damaged(name: string, which: (path: string) => boolean, damage: (bytes: Buffer) => Buffer): string {
  cpSync(at('cache'), at(name), { recursive: true })
  const blobs = at(name, 'blobs/sha256')
  for (const blob of readdirSync(blobs)) {
    const path = join(blobs, blob)
    if (which(path)) writeFileSync(path, damage(readFileSync(path)))
  }
  return `type=local,src=${at(name)}`
}

/** Names bytes by their digest below `blobs`. */
function putBlob(blobs: string, bytes: string | Buffer): { readonly digest: string; readonly size: number } {
  const hex = createHash('sha256').update(bytes).digest('hex')
  writeFileSync(join(blobs, hex), bytes)
  return { digest: `sha256:${hex}`, size: Buffer.byteLength(bytes) }
}

const isLayer = (path: string): boolean => !readFileSync(path).subarray(0, 1).equals(Buffer.from('{'))

test('a damaged layer is never used: the build warns and does without the cache (B-BD-10)', () => {
  using other = machine()
  const from = damaged('broken', isLayer, (bytes) =>
    Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]),
  )
  assert.match(
    said(other, '-t', 'app', '--cache-from', from),
    /BuildCache: an imported cache is damaged and not used: .*sha256:/,
  )
  assert.equal(other.ok('run', '--rm', 'app', 'cat', '/b'), 'hello')
})

test('a layer that is not the one its record says is never used (C-B14)', () => {
  cpSync(at('cache'), at('swapped'), { recursive: true })
  // every record points at another layer's bytes: digests of blobs are right, diff IDs are not
  const index = JSON.parse(readFileSync(at('swapped/index.json'), 'utf8')) as {
    manifests: { digest: string; size: number }[]
  }
  const blob = (digest: string): string => at('swapped/blobs/sha256', digest.slice(7))
  const put = (value: object): ReturnType<typeof putBlob> =>
    putBlob(at('swapped/blobs/sha256'), JSON.stringify(value))
  const manifest = JSON.parse(readFileSync(blob(index.manifests[0]?.digest ?? ''), 'utf8')) as {
    config: { digest: string }
  }
  const config = JSON.parse(readFileSync(blob(manifest.config.digest), 'utf8')) as {
    layers: { annotations: { diffID: string } }[]
  }
  const ids = config.layers.map(({ annotations }) => annotations.diffID)
  config.layers.forEach(
    ({ annotations }, place) => (annotations.diffID = ids[(place + 1) % ids.length] ?? ''),
  )
  const described = put({ ...manifest, config: { ...manifest.config, ...put(config) } })
  writeFileSync(
    at('swapped/index.json'),
    JSON.stringify({ ...index, manifests: [{ ...index.manifests[0], ...described }] }),
  )
  using other = machine()
  const from = `type=local,src=${at('swapped')}`
  assert.match(
    said(other, '-t', 'app', '--cache-from', from),
    /an imported cache is damaged and not used: .*does not hold what its image says/,
  )
  assert.equal(other.ok('run', '--rm', 'app', 'cat', '/b'), 'hello')
})

test('records that are no records: the whole place is left alone', () => {
  using other = machine()
  for (const [name, text] of [
    ['cut', '{"layers":'],
    ['odd', '{"layers":[],"mille":{"version":1,"records":[{"keys":["x"]}]}}'],
    ['newer', '{"layers":[],"mille":{"version":2,"records":[]}}'],
  ] as const) {
    mkdirSync(at(name, 'blobs/sha256'), { recursive: true })
    const put = (bytes: string): ReturnType<typeof putBlob> => putBlob(at(name, 'blobs/sha256'), bytes)
    const config = { mediaType: 'application/vnd.buildkit.cacheconfig.v0', ...put(text) }
    const mediaType = 'application/vnd.oci.image.manifest.v1+json'
    const manifest = put(JSON.stringify({ schemaVersion: 2, mediaType, config, layers: [] }))
    const entry = { mediaType, ...manifest, annotations: { 'org.opencontainers.image.ref.name': 'latest' } }
    writeFileSync(at(name, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: [entry] }))
    const from = `type=local,src=${at(name)}`
    assert.match(
      said(other, '--cache-from', from, '--target', 'build'),
      /is not used: not a build cache of mille/,
    )
  }
})

test('an export that fails ends the build, unless its errors are ignored; nothing half is named', () => {
  writeFileSync(at('file'), '')
  const bad = `type=local,dest=${at('file')}/x`
  const failed = plain(first, '--cache-to', bad)
  assert.equal(failed.code, 1)
  assert.match(
    said(first, '--cache-to', `${bad},ignore-error=true`),
    /BuildCache: the cache was not exported: /,
  )
  assert.ok(!existsSync(at('file/x')))
})

test('wrong flags say what is missing (D-C9)', () => {
  const refused = (...args: string[]): string => first.run(['build', ...args, at('context')]).err
  assert.match(refused('--cache-from', 'type=registry'), /--cache-from type=registry needs ref=…/)
  assert.match(refused('--cache-to', 'type=local,src=x'), /type=local needs dest=…/)
  assert.match(
    refused('--cache-to', 'type=lokal,dest=x'),
    /unknown cache type "lokal" of --cache-to: did you mean local\?/,
  )
  assert.match(refused('--cache-to', 'ref=x'), /type is required for --cache-to/)
  assert.match(refused('--cache-to', 'type=registry,ref=x,mode=most'), /there are min, max/)
  assert.match(refused('--cache-from', 'type=inline'), /unknown cache type "inline"/)
  assert.match(refused('--cache-to', 'type=local,dest=x,moode=max'), /did you mean mode\?/)
})
