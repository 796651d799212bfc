import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { join, resolve } from 'node:path'
import { test } from 'node:test'
import { readText } from '../../src/util/read-text.ts'
import { freePorts } from '../support/free-ports.ts'
import { freshBundle } from '../support/kill-sweep.ts'

const project = resolve(import.meta.dirname, '../..')

interface Demo {
  readonly code: number | null
  readonly out: string
  readonly root: string
}

/** Runs the demo on ports of its own; Ctrl-C reaches the whole process group once `until` was printed. */
async function runDemo(port: number, until?: string): Promise<Demo> {
  freshBundle()
  const child = spawn('sh', [join(project, 'scripts/demo.sh')], {
    env: { ...process.env, MILLE_DEMO_PORT: String(port) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  let out = ''
  let interrupted = false
  const read = (chunk: Buffer): void => {
    out += chunk.toString()
    if (interrupted || until === undefined || !out.includes(until) || child.pid === undefined) return
    interrupted = true
    process.kill(-child.pid, 'SIGINT')
  }
  child.stdout.on('data', read)
  child.stderr.on('data', read)
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, out, root: /MILLE_ROOT=(\S+)/.exec(out)?.[1] ?? '' }
}

function assertGone({ root, out }: Demo): void {
  assert.match(root, /mille-demo/)
  assert.equal(existsSync(root), false, out)
  assert.equal(readText('/proc/self/mountinfo').includes(root), false)
}

test('the demo does the main job and leaves nothing', async () => {
  const demo = await runDemo(await freePorts(4))
  assert.equal(demo.code, 0, demo.out)
  assert.match(demo.out, /#6 CACHED/)
  assert.equal(demo.out.match(/<h1>Hello from mille<\/h1>/g)?.length, 3)
  // fetched from the changed container, and at the end from what was pulled back by digest
  assert.equal(demo.out.match(/^<h1>Changed in hello-a<\/h1>$/gm)?.length, 2)
  assert.match(demo.out, /^\$ mille commit -m 'a new page' hello-a hello:changed$/m)
  assertGone(demo)
})

test('ports that are taken: said before anything is done, by whom; without a choice others are used', async () => {
  const first = await freePorts(4)
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(first + 2, resolve))
  const demo = await runDemo(first)
  const owner = `process \\S+ \\(${process.pid}\\)`
  assert.equal(demo.code, 1, demo.out)
  assert.match(
    demo.out,
    new RegExp(
      `^demo: port ${first + 2} is taken by ${owner}, and the demo needs ${first} to ${first + 3}: stop that, or give MILLE_DEMO_PORT another number\n$`,
    ),
  )
  taken.close()
  // whoever has it, 8083 is taken now
  const usual = createServer().on('error', () => {})
  await new Promise<void>((resolve) => usual.once('error', resolve).listen(8083, resolve))
  const { MILLE_DEMO_PORT: _, ...env } = process.env
  const chosen = spawnSync(process.execPath, [join(project, 'scripts/demo-ports.ts')], {
    env,
    encoding: 'utf8',
  })
  usual.close()
  assert.equal(chosen.status, 0)
  const port = Number(chosen.stdout)
  assert.ok(port > 8083, chosen.stdout)
  assert.match(
    chosen.stderr,
    new RegExp(`^demo: port 808\\d is taken by .*, so ports ${port} to ${port + 3} are used`),
  )
})

test('Ctrl-C in the middle of the demo leaves nothing either', async () => {
  const demo = await runDemo(await freePorts(4), '$ mille diff hello-a')
  assert.equal(demo.code, 130, demo.out)
  assertGone(demo)
})
