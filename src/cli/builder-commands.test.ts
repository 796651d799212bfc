import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { CacheUsage, PruneOptions } from '../builder/build.ts'
import { fakeNow } from '../../test/support/fake-engine.ts'
import { type CliResult, runCli } from '../../test/support/run-cli.ts'

const hour = 3_600_000
const rows: readonly CacheUsage[] = [
  {
    id: 'aaaa11112222',
    parents: ['bbbb11112222'],
    description: 'RUN make',
    type: 'regular',
    mutable: false,
    size: 2_500_000,
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    lastUsedAt: fakeNow - 3 * hour,
    uses: 4,
    inUse: false,
    shared: true,
  },
  {
    id: 'cccc11112222',
    parents: [],
    description: 'cached mount /c from exec /bin/sh -c make with id "//c"',
    type: 'exec.cachemount',
    mutable: true,
    size: 1000,
    createdAt: Date.UTC(2026, 0, 2, 3, 4, 5),
    lastUsedAt: fakeNow - 30 * hour,
    uses: 1,
    inUse: true,
    shared: false,
  },
]

async function run(argv: readonly string[]): Promise<CliResult & { readonly options?: PruneOptions }> {
  let options: PruneOptions | undefined
  const builder = {
    cacheUsage: () => Promise.resolve(rows),
    prune: (given: PruneOptions) => {
      options = given
      return Promise.resolve({ removed: rows.filter(given.matches ?? (() => true)), reclaimed: 2_501_000 })
    },
  }
  const result = await runCli(argv, { builder }, { env: { TZ: 'UTC' } })
  return { ...result, ...(options === undefined ? {} : { options }) }
}

test('du: table, sums, and every field by --format', async () => {
  assert.equal(
    (await run(['buildx', 'du'])).out,
    [
      'ID              RECLAIMABLE   SIZE      LAST ACCESSED',
      'cccc11112222*   false         1kB       30 hours ago',
      'aaaa11112222    true          2.5MB*    3 hours ago',
      'Shared:\t\t2.5MB',
      'Private:\t1kB',
      'Reclaimable:\t2.5MB',
      'Total:\t\t2.501MB',
      '',
    ].join('\n'),
  )
  const format =
    '{{.ID}} {{.Parents}} {{.Mutable}} {{.Reclaimable}} {{.Shared}} {{.Size}} {{.Type}} {{.UsageCount}}'
  assert.equal(
    (await run(['builder', 'du', '--filter', 'type=regular', '--format', format])).out,
    'aaaa11112222 [bbbb11112222] false true true 2.5MB regular 4\n',
  )
})

test('du --verbose: a paragraph a row', async () => {
  const { out } = await run(['builder', 'du', '--verbose', '--filter', 'id=aaaa'])
  assert.match(
    out,
    /^ID: {11}aaaa11112222\nParents:\n - bbbb11112222\nCreated at: {3}2026-01-02 .*\nMutable: {6}false\nReclaimable: {2}true\nShared: {7}true\nSize: {9}2\.5MB\nDescription: {2}RUN make\nUsage count: {2}4\nLast used: {4}3 hours ago\nType: {9}regular\n\n$/,
  )
})

test('filters: all must match', async () => {
  const ids = async (...filters: readonly string[]): Promise<string> =>
    (
      await run([
        'builder',
        'du',
        '--format',
        '{{.ID}}',
        ...filters.flatMap((filter) => ['--filter', filter]),
      ])
    ).out
  const [a, c] = ['aaaa11112222\n', 'cccc11112222\n']
  assert.equal(await ids('until=24h'), c)
  assert.equal(await ids('unused-for=24h', 'inuse=false'), '')
  assert.equal(await ids('description~=make$'), a)
  assert.equal(await ids('type!=regular'), c)
  assert.equal(await ids('mutable=true'), c)
  assert.equal(await ids('immutable=true', 'shared=true'), a)
  assert.equal(await ids('private=false'), a)
  assert.equal(await ids('parents=bbbb11112222'), a)
  assert.equal(await ids('description=RUN make'), a)
  for (const [filter, hint] of [
    ['tpye=x', 'did you mean type\\?'],
    ['nothing=x', 'there are id, '],
    ['description~=(', 'no regular expression'],
    ['unused-for=abc', 'expects a duration'],
    ['until=abc', 'is no time'],
  ] as const) {
    const { code, err } = await run(['builder', 'du', '--filter', filter])
    assert.equal(code, 1, filter)
    assert.match(err, new RegExp(hint))
  }
})

test('prune: what went, in the columns of buildx; limits are handed on', async () => {
  const limits = ['--max-used-space', '10GB', '--min-free-space=1g', '--reserved-space', '500m']
  const { out, options } = await run([
    'builder',
    'prune',
    '-af',
    '--filter',
    'type=exec.cachemount',
    ...limits,
  ])
  assert.equal(
    out,
    'ID\t\t\t\t\t\tRECLAIMABLE\tSIZE\t\tLAST ACCESSED\n' +
      `${'cccc11112222*'.padEnd(40)}\ttrue \t\t1kB       \t30 hours ago\nTotal:\t2.501MB\n`,
  )
  const { matches: _, ...rest } = options ?? { all: false }
  const gigabyte = 2 ** 30
  assert.deepEqual(rest, {
    all: true,
    maxUsedSpace: 10 * gigabyte,
    minFreeSpace: gigabyte,
    reservedSpace: 500 * 2 ** 20,
  })
  assert.match(
    (await run(['buildx', 'prune', '-f', '--verbose', '--filter', 'id=cccc'])).out,
    /^ID: {11}cccc/,
  )
})
