import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { startActionsCacheServer, type ActionsCacheServer } from '../support/actions-cache-server.ts'
import { testMille, type TestMille } from '../support/mille.ts'

let server: ActionsCacheServer
let folder: string
const machines: TestMille[] = []

before(async () => {
  server = await startActionsCacheServer()
  folder = mkdtempSync(join(tmpdir(), 'mille-cache-gha-'))
  writeFileSync(join(folder, 'a'), 'a')
  write('one')
})
after(async () => {
  for (const machine of machines) machine[Symbol.dispose]()
  await server[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

/** No base image is needed, and every edit is another layer. */
function write(edit: string): void {
  writeFileSync(join(folder, 'edit'), edit)
  writeFileSync(join(folder, 'Dockerfile'), 'FROM scratch\nCOPY a /a\nCOPY edit /edit\n')
}

function machine(env: NodeJS.ProcessEnv = {}): TestMille {
  const job = { ACTIONS_RESULTS_URL: server.url, ACTIONS_RUNTIME_TOKEN: server.token }
  const made = testMille({ ...job, ...env })
  machines.push(made)
  return made
}

interface Ended {
  readonly code: number | null
  readonly err: string
}

/** The server is in this process: the command must run beside it. */
async function build(on: TestMille, ...args: string[]): Promise<Ended> {
  const child = on.start('build', '--progress=plain', '-t', 'app', ...args, folder)
  const code = new Promise<number | null>((done) => child.once('close', done))
  const err = child.stderr === null ? '' : await text(child.stderr)
  // neither the job's token nor the signatures of its storage are ever shown
  assert.ok(!err.includes(server.token) && !err.includes(server.signature), err)
  return { code: await code, err }
}

async function built(on: TestMille, ...args: string[]): Promise<string> {
  const { code, err } = await build(on, ...args)
  assert.equal(code, 0, err)
  return err
}

test('another job finds the steps; of several exports the newest counts', async () => {
  const first = machine()
  await built(first, '--cache-to', 'type=gha,mode=max')
  assert.match(await built(machine(), '--cache-from', 'type=gha'), /COPY edit \/edit\n#\d CACHED/)
  write('two')
  await built(first, '--cache-to', 'type=gha,mode=max')
  assert.match(await built(machine(), '--cache-from', 'type=gha'), /COPY edit \/edit\n#\d CACHED/)
  const keys = server.keys()
  assert.equal(keys.filter((key) => key.startsWith('mille-index-buildkit#')).length, 2)
  assert.equal(new Set(keys).size, keys.length)
  // what is there is not sent again: one blob of the edit and the records are new
  assert.equal(keys.filter((key) => key.startsWith('mille-blob-sha256:')).length, 5)
})

test('scopes are caches of their own', async () => {
  await built(machine(), '--cache-to', 'type=gha,scope=other')
  const none = await built(machine(), '--cache-from', 'type=gha,scope=othe')
  assert.match(none, /importing cache from gha othe\n#\d nothing of mille there/)
  assert.match(await built(machine(), '--cache-from', 'type=gha,scope=other'), /#\d CACHED/)
})

test('a large layer goes in blocks, and a failing storage is asked again', async () => {
  writeFileSync(join(folder, 'a'), Buffer.alloc(40 * 1024 * 1024, 'x'))
  let failures = 2
  const blocks = new Set<string>()
  server.intercept = (request, response) => {
    const id = /comp=block&blockid=([^&]*)/.exec(request.url ?? '')?.[1]
    if (id !== undefined) blocks.add(id)
    if (id === undefined || failures-- <= 0) return false
    request.resume().once('end', () => response.writeHead(503).end())
    return true
  }
  await built(machine(), '--cache-to', 'type=gha,scope=large,compression=uncompressed')
  server.intercept = () => false
  assert.equal(blocks.size, 3)
  assert.match(await built(machine(), '--cache-from', 'type=gha,scope=large'), /COPY a \/a\n#\d CACHED/)
  writeFileSync(join(folder, 'a'), 'a')
})

test('a token that is refused: a warning when reading, the end of the build when writing', async () => {
  const foreign = machine({ ACTIONS_RUNTIME_TOKEN: 'foreign-token' })
  const warned = await built(foreign, '--cache-from', 'type=gha')
  assert.match(
    warned,
    /the cache of gha buildkit is not used: gha buildkit: access denied \(.*refused with 401: bad token/,
  )
  const { code, err } = await build(foreign, '--cache-to', 'type=gha')
  assert.equal(code, 1)
  assert.match(err, /ERROR: .*gha buildkit: access denied/)
  assert.ok(!`${warned}${err}`.includes('foreign-token'))
  const ignored = await built(foreign, '--cache-to', 'type=gha,ignore-error=true')
  assert.match(ignored, /BuildCache: the cache was not exported: gha buildkit/)
})

test('a service out of reach is a warning; what is missing is said before anything runs (D-C9)', async () => {
  const away = machine({ ACTIONS_RESULTS_URL: 'http://127.0.0.1:1/' })
  assert.match(await built(away, '--cache-from', 'type=gha'), /is not used: gha buildkit: connection refused/)
  const none = {
    ACTIONS_RESULTS_URL: undefined,
    ACTIONS_CACHE_URL: undefined,
    ACTIONS_RUNTIME_TOKEN: undefined,
  }
  const said = async (attributes: string, env: NodeJS.ProcessEnv = {}): Promise<string> =>
    (await build(machine({ ...none, ...env }), '--cache-to', `type=gha${attributes}`)).err
  assert.match(await said(''), /--cache-to type=gha needs url_v2=… or ACTIONS_RESULTS_URL/)
  assert.match(await said(`,url_v2=${server.url}`), /needs token=… or ACTIONS_RUNTIME_TOKEN/)
  assert.match(
    await said('', { ACTIONS_CACHE_URL: 'http://x/' }),
    /version 1 of GitHub's cache is not spoken/,
  )
})
