import assert from 'node:assert/strict'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { CacheAddress } from '../../src/builder/cache/remote/cache-place.ts'
import { openCacheFolder } from '../support/cache-folder.ts'
import { openCopyBuilds, type CopyBuilds } from '../support/copy-builds.ts'
import { dir, file, hardlink, symlink, tarOf } from './support.ts'

let folder: string
let builds: CopyBuilds
/** Outside of every root: an attack would read or change it. */
let canary: string
let attacks = 0

const at = (name: string): string => join(folder, name)
const address = (name: string): CacheAddress => ({ type: 'local', path: at(name), tag: 'latest' })

/** Each attack is on a mount of its own, which is not here. */
const inMount = (id: string, command: string): string[] => [
  'FROM busybox',
  `RUN --mount=type=cache,id=${id},target=/c ${command}`,
]

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-bad-mounts-'))
  canary = mkdtempSync(join(tmpdir(), 'mille-canary-'))
  writeFileSync(join(canary, 'host'), 'host bytes')
  builds = await openCopyBuilds()
})
after(async () => {
  await builds[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
  rmSync(canary, { recursive: true })
})

/** What a build finds in the mount that a cache brings after `damage` was done to it, and the warnings. */
async function brought(
  damage: (cache: string, id: string) => void,
): Promise<{ found: string; warning: string }> {
  const id = `m${attacks++}`
  const [honest, bad] = [`honest-${id}`, `bad-${id}`]
  await using source = await openCopyBuilds()
  const usual = { mode: 'min', compression: { type: 'gzip', force: false }, ignoreError: false } as const
  await source.build(inMount(id, 'echo fine > /c/fine'), {
    cacheTo: [{ ...usual, address: address(honest), mountBytes: 1e9 }],
  })
  cpSync(at(honest), at(bad), { recursive: true })
  damage(at(bad), `/${id}`)
  await builds.build(inMount(id, 'find /c -mindepth 1 | sort; cat /c/* 2>/dev/null; true'), {
    noCache: true,
    cacheFrom: [{ address: address(bad), mountBytes: 1e9 }],
  })
  assert.deepEqual(readdirSync(canary), ['host'])
  assert.equal(readFileSync(join(canary, 'host'), 'utf8'), 'host bytes')
  return { found: builds.output(), warning: builds.warnings().join('\n') }
}

const device = { name: 'sda', type: '3', major: '0000010\0', minor: '0000000\0' }

for (const [name, tar] of [
  ['a path that leaves the mount', () => tarOf(dir('a'), file('../../evil'))],
  ['a file through a link to the host', () => tarOf(symlink('out', canary), file('out/evil'))],
  [
    'a link to the host in the place of a folder',
    () => tarOf(dir('a'), symlink('a', canary), file('a/evil')),
  ],
  ['a hard link to a file of the host', () => tarOf(hardlink('got', `../../../../../..${canary}/host`))],
  ['a hard link through a link', () => tarOf(symlink('out', canary), hardlink('got', 'out/host'))],
  ['a device', () => tarOf(file('a'), device)],
  ['a tar that ends in the middle', () => tarOf(file('a', 'x'.repeat(2000))).subarray(0, 1024)],
] as const)
  test(`${name}: the mount begins empty, nothing outside was touched (C-A5, C-B12)`, async () => {
    const { found, warning } = await brought((cache, id) =>
      openCacheFolder(cache).replaceMount(id, gzipSync(tar())),
    )
    assert.equal(found, '')
    assert.match(warning, /BuildCache: the cache mount \/m\d begins empty: /)
  })

test('bytes that are not those of the digest are never used', async () => {
  const { found, warning } = await brought((cache, id) => {
    const { digest = '' } = openCacheFolder(cache).mount(id) ?? {}
    const path = join(cache, 'blobs/sha256', digest.slice('sha256:'.length))
    const bytes = readFileSync(path)
    const other = gzipSync(tarOf(file('evil')), { level: 0 })
    writeFileSync(path, Buffer.concat([other, Buffer.alloc(bytes.length)]).subarray(0, bytes.length))
  })
  assert.equal(found, '')
  assert.match(warning, /the cache mount \/m\d begins empty: /)
})

test('links inside the mount are what they are: read by the step, not by mille', async () => {
  const { found, warning } = await brought((cache, id) =>
    openCacheFolder(cache).replaceMount(
      id,
      gzipSync(tarOf(symlink('out', join(canary, 'host')), file('in'))),
    ),
  )
  assert.equal(found, '/c/in\n/c/out\nevil')
  assert.equal(warning, '')
})
