import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fakeContainer, fakeImage, fakeImageDetails, fakeNow } from '../../../test/support/fake-engine.ts'
import { runCli } from '../../../test/support/run-cli.ts'
import type { Images } from '../../images/images.ts'
import { type DiffId, parseDiffId, sha256 } from '../../oci/digest.ts'

const layer = (name: string): DiffId => parseDiffId(sha256(name))
const stacks: Readonly<Record<string, readonly (readonly [string, number])[]>> = {
  base: [['base', 100_000_000]],
  app: [
    ['base', 100_000_000],
    ['app', 5_000_000],
  ],
  other: [['other', 1_000_000]],
}
const names = Object.keys(stacks)
const nameOf = (id: string): string => names.find((name) => fakeImage(name).id === id) ?? ''
const inspect: Images['inspect'] = (id) => {
  const details = fakeImageDetails(nameOf(id))
  const layers = stacks[nameOf(id)] ?? []
  const config = {
    ...details.config,
    rootfs: { type: 'layers' as const, diff_ids: layers.map(([name]) => layer(name)) },
    history: [...layers.map(() => ({})), { empty_layer: true }],
  }
  return Promise.resolve({ ...details, config })
}
const history: Images['history'] = (id) => {
  const rows = [...(stacks[nameOf(id)] ?? []), ['ENV', 0] as const]
  return Promise.resolve(
    rows.map(([name, size]) => ({ createdAt: 0, createdBy: name, size, comment: '', tags: [] })).toReversed(),
  )
}
const parts = {
  images: {
    inspect,
    history,
    partialDownloads: () => Promise.resolve([]),
    diskUsage: () =>
      Promise.resolve([
        fakeImage('base', { size: 100_000_000, sharedSize: 100_000_000 }),
        fakeImage('app', { size: 105_000_000, sharedSize: 100_000_000, containers: 1 }),
        fakeImage('other', { size: 1_000_000 }),
      ]),
  },
  containers: { list: () => Promise.resolve([fakeContainer('web', { sizeRw: 0 })]) },
  volumes: { list: () => Promise.resolve([]) },
  builder: {
    cacheUsage: () =>
      Promise.resolve([
        {
          id: sha256('c'),
          description: 'RUN x',
          type: 'regular',
          parents: [],
          mutable: false,
          size: 5_000_000,
          createdAt: fakeNow,
          lastUsedAt: fakeNow,
          uses: 2,
          inUse: false,
          shared: true,
        },
      ]),
  },
}

test('system df counts a shared layer once', async () => {
  const { out } = await runCli(['system', 'df'], parts)
  assert.equal(
    out,
    `TYPE            TOTAL     ACTIVE    SIZE      RECLAIMABLE
Images          3         1         106MB     1MB (0%)
Containers      1         1         0B        0B
Local Volumes   0         0         0B        0B
Build Cache     1         0         0B        0B
`,
  )
})

test('system df has a row of partial downloads when there are some', async () => {
  const partialDownloads: Images['partialDownloads'] = () =>
    Promise.resolve([
      { size: 3_000_000, inUse: false },
      { size: 1_000_000, inUse: true },
    ])
  const images = { ...parts.images, partialDownloads }
  const { out } = await runCli(['system', 'df'], { ...parts, images })
  assert.equal(out.split('\n').at(-2), 'Partial Downloads   2         1         4MB       3MB (75%)')
  const verbose = await runCli(['system', 'df', '-v'], { ...parts, images })
  assert.match(verbose.out, /\nPartial downloads: 4MB\n$/)
})

test('system df -v lists shared and own sizes', async () => {
  const { out } = await runCli(['system', 'df', '-v'], parts)
  const row = out.split('\n').find((line) => line.includes(fakeImage('app').id.slice(7, 19)))
  assert.match(row ?? '', /105MB +100MB +5MB +1$/)
  assert.match(
    out,
    /Build cache usage: 0B\n\nCACHE ID +CACHE TYPE +SIZE +CREATED +LAST USED +USAGE +SHARED\n/,
  )
})
