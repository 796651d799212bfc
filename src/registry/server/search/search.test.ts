import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { hashSync } from 'bcryptjs'
import { startRegistry, type StartedRegistry } from '../../../../test/support/start-registry.ts'
import { createRegistryClient } from '../../client/registry-client.ts'
import { sha256 } from '../../../oci/digest.ts'
import { NotesFile } from './repository-notes.ts'

interface Found {
  readonly num_results: number
  readonly num_pages: number
  readonly results: readonly {
    readonly name: string
    readonly star_count: number
    readonly is_official: boolean
  }[]
}

const bytes = Buffer.from('{}')
const names = ['busybox', 'team/app', 'team/base', 'zoo/busy']

async function filled(options: Parameters<typeof startRegistry>[0] = {}): Promise<StartedRegistry> {
  const registry = await startRegistry(options)
  for (const name of names) {
    const manifest = {
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest: sha256(bytes),
      bytes,
      blobs: [],
    }
    await registry.storage.putManifest(name, { ...manifest, tags: ['v1'] })
  }
  return registry
}

async function search(
  { url }: StartedRegistry,
  query: string,
  headers: Record<string, string> = {},
): Promise<Found> {
  const answer = await fetch(`${url}/v1/search?${query}`, { headers })
  assert.equal(answer.status, 200)
  return (await answer.json()) as Found
}

const namesOf = ({ results }: Found): readonly string[] => results.map(({ name }) => name)

async function call(registry: StartedRegistry, method: string, path: string, body?: string): Promise<number> {
  const answer = await fetch(registry.url + path, { method, ...(body !== undefined && { body }) })
  return answer.status
}

test('names and descriptions are searched, those with stars come first, root names are official', async () => {
  await using registry = await filled()
  assert.deepEqual(namesOf(await search(registry, 'q=BUSY')), ['busybox', 'zoo/busy'])
  assert.equal(
    await call(registry, 'PUT', '/v1/repositories/team/app/description', 'A busy\n\u001b[31mservice'),
    204,
  )
  assert.equal(await call(registry, 'PUT', '/v1/repositories/zoo/busy/star'), 204)
  assert.equal(await call(registry, 'PUT', '/v1/repositories/zoo/busy/star'), 204)
  const found = await search(registry, 'q=busy&n=2')
  assert.deepEqual(
    { ...found },
    {
      query: 'busy',
      num_results: 3,
      page: 1,
      page_size: 2,
      num_pages: 2,
      results: [
        { name: 'zoo/busy', description: '', star_count: 1, is_official: false, is_automated: false },
        { name: 'busybox', description: '', star_count: 0, is_official: true, is_automated: false },
      ],
    },
  )
  const [second] = (await search(registry, 'q=busy&n=2&page=2')).results
  assert.deepEqual(second, {
    name: 'team/app',
    // no byte of it moves a terminal's cursor
    description: 'A busy [31mservice',
    star_count: 0,
    is_official: false,
    is_automated: false,
  })
  assert.equal(await call(registry, 'DELETE', '/v1/repositories/zoo/busy/star'), 204)
  assert.deepEqual(namesOf(await search(registry, 'q=busy')), ['busybox', 'team/app', 'zoo/busy'])
})

test('bad input', async () => {
  await using registry = await filled()
  assert.equal(await call(registry, 'PUT', '/v1/repositories/none/star'), 404)
  assert.equal(await call(registry, 'PUT', '/v1/repositories/..%2Fx/star'), 400)
  assert.equal(await call(registry, 'PUT', '/v1/repositories/busybox/description', 'x'.repeat(1001)), 413)
  assert.equal(await call(registry, 'GET', '/v1/search?q=a&n=many'), 400)
  assert.equal((await search(registry, 'q=&n=100000')).results.length, names.length)
  assert.equal((await search(registry, 'q=&n=0')).results.length, 0)
})

test('docker asks first', async () => {
  await using registry = await filled()
  const answer = await fetch(`${registry.url}/v1/_ping`)
  assert.equal(answer.headers.get('x-docker-registry-standalone'), 'true')
})

test('nobody finds what he may not read, and stars are by user', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-search-'))
  try {
    const htpasswd = join(folder, 'users')
    writeFileSync(htpasswd, `ann:${hashSync('a', 4)}\nbob:${hashSync('b', 4)}\n`)
    const all = ['read', 'create', 'update', 'delete'] as const
    await using registry = await filled({
      htpasswd,
      access: [
        { repositories: ['**'], users: ['ann'], allow: all },
        { repositories: ['team/**'], users: ['bob'], allow: ['read'] },
        { repositories: ['busybox'], users: ['anonymous'], allow: ['read'] },
      ],
    })
    const as = (login: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(login).toString('base64')}`,
    })
    assert.deepEqual(namesOf(await search(registry, 'q=')), ['busybox'])
    assert.deepEqual(namesOf(await search(registry, 'q=', as('bob:b'))), ['busybox', 'team/app', 'team/base'])
    assert.deepEqual(namesOf(await search(registry, 'q=', as('ann:a'))), names)
    const star = (login: string, name: string): Promise<Response> =>
      fetch(`${registry.url}/v1/repositories/${name}/star`, { method: 'PUT', headers: as(login) })
    assert.equal((await star('ann:a', 'team/base')).status, 204)
    assert.equal((await star('bob:b', 'team/base')).status, 204)
    assert.equal((await star('bob:b', 'zoo/busy')).status, 403)
    assert.equal((await search(registry, 'q=base', as('bob:b'))).results[0]?.star_count, 2)
    assert.equal((await fetch(`${registry.url}/v1/repositories/busybox/star`, { method: 'PUT' })).status, 401)
    const login = { username: 'ann', password: 'a' }
    await using client = createRegistryClient({ logins: { find: async () => login } })
    const seen = await client.search(registry.host, 'team', { limit: 9 })
    assert.deepEqual(
      seen.map(({ name }) => name),
      ['team/base', 'team/app'],
    )
    const description = `${registry.url}/v1/repositories/team/app/description`
    assert.equal((await fetch(description, { method: 'PUT', headers: as('bob:b'), body: 'x' })).status, 403)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('notes outlive the process', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mille-notes-'))
  try {
    const path = join(folder, 'deeper', 'notes.json')
    const first = new NotesFile(path)
    await Promise.all(
      ['ann', 'bob'].map((user) =>
        first.change('app', (note) => ({ ...note, stars: [...note.stars, user] })),
      ),
    )
    await first.change('app', (note) => ({ ...note, description: 'text' }))
    assert.deepEqual(
      await new NotesFile(path).all(),
      new Map([['app', { description: 'text', stars: ['ann', 'bob'] }]]),
    )
  } finally {
    rmSync(folder, { recursive: true })
  }
})
