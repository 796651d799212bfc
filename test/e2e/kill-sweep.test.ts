import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { storeStateFolder } from '../../src/engine/state-folder.ts'
import { openStore } from '../../src/store/open-store.ts'
import { makeBusyboxImage } from '../support/busybox-image.ts'
import { endpoints, freshBundle, leftovers, look, mustRun, runMille } from '../support/kill-sweep.ts'
import { startRegistry, type StartedRegistry } from '../support/start-registry.ts'
import { umount } from '../support/umount.ts'

/** MILLE_SWEEP=full tries each point; else a few, others in each run. */
const samples = process.env['MILLE_SWEEP'] === 'full' ? Infinity : Number(process.env['MILLE_SWEEP'] ?? 4)

interface Sweep {
  readonly args: () => readonly string[]
  readonly prepare?: readonly string[] | (() => readonly string[])
  /** Lines of a list that are neither before nor after. */
  readonly between?: RegExp
  /** What the repeated command may say when it had been done already. */
  readonly done?: RegExp
}

const web = ['run', '-d', '--name', 'web', '-p', '127.0.0.1::80', 'busybox', 'sleep', '1000']

/** A step with a mount of each kind that something has to be undone for. */
const mounted = (): string[] => {
  const file = ['-f', join(context, 'mounted.Dockerfile')]
  return [
    'build',
    '--no-cache',
    '-t',
    'new:3',
    '--secret',
    `id=s,src=${join(context, 'a')}`,
    ...file,
    context,
  ]
}

const sweeps: Readonly<Record<string, Sweep>> = {
  build: { args: () => ['build', '--no-cache', '-t', 'new:1', context] },
  'build with mounts': { args: mounted },
  'builder prune': { prepare: mounted, args: () => ['builder', 'prune', '-af'] },
  load: { args: () => ['load', '-i', join(folder, 'other.tar')] },
  pull: { args: () => ['pull', `${registry.host}/other:1`] },
  commit: { args: () => ['commit', 'changed', 'new:2'], between: /^dangling / },
  rmi: { args: () => ['rmi', 'app:1'], done: /No such image/ },
  'image prune': { args: () => ['image', 'prune', '-f'] },
  'system prune': { args: () => ['system', 'prune', '-af'], between: / removing$/ },
  // a record without a process is seen as one that ended: nothing runs that is not listed
  run: { args: () => web, between: /^web (created|exited)$/, done: /is already in use/ },
  // the process is ended first, in order, so that whoever waits for it learns its exit code
  rm: {
    prepare: web,
    args: () => ['rm', '-f', 'web'],
    between: / (removing|exited)$/,
    done: /No such container/,
  },
}

let folder: string
let context: string
let template: string
let root: string
let registry: StartedRegistry

before(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mille-sweep-'))
  context = join(folder, 'context')
  template = join(folder, 'template')
  root = join(folder, 'root')
  registry = await startRegistry()
  freshBundle()
  mkdirSync(context)
  writeFileSync(join(context, 'Dockerfile'), 'FROM busybox\nRUN echo hi > /hi\nCOPY a /a\nWORKDIR /w\n')
  writeFileSync(join(context, 'a'), 'a')
  writeFileSync(
    join(context, 'mounted.Dockerfile'),
    [
      'FROM busybox',
      'RUN --mount=type=cache,target=/c mkdir -p /c/in',
      'RUN --mount=type=cache,target=/c,source=in --mount=type=secret,id=s,env=S --mount=target=/ctx,rw --mount=type=tmpfs,target=/t touch /c/x /ctx/y /t/z /w',
    ].join('\n'),
  )
  await makeSource(join(folder, 'source'))
  await makeTemplate()
})

after(async () => {
  await clear(root)
  umount(folder)
  rmSync(folder, { recursive: true, force: true })
  await registry[Symbol.asyncDispose]()
})

/** Another store makes what is loaded and pulled. */
async function makeSource(source: string): Promise<void> {
  await addBusybox(source)
  await mustRun(source, 'build', '-t', 'other:1', '-t', `${registry.host}/other:1`, context)
  await mustRun(source, 'save', '-o', join(folder, 'other.tar'), 'other:1')
  await mustRun(source, 'push', `${registry.host}/other:1`)
}

async function makeTemplate(): Promise<void> {
  await addBusybox(template)
  const change = 'echo x > /x; rm -r /tmp'
  await mustRun(template, 'run', '--name', 'changed', '--network', 'none', 'busybox', 'sh', '-c', change)
  await mustRun(template, 'commit', 'changed', 'app:1')
  await mustRun(template, 'commit', 'changed', 'gone:1')
  await mustRun(template, 'commit', '-m', 'takes the name', 'changed', 'gone:1')
  umount(template)
}

async function addBusybox(path: string): Promise<void> {
  await using store = await openStore(path)
  await makeBusyboxImage(store)
}

async function clear(path: string): Promise<void> {
  const { out } = await runMille(path, ['ps', '-aq'])
  if (out.trim() !== '') await runMille(path, ['rm', '-f', ...out.trim().split('\n')])
  umount(path)
  // named after the store, which is there since `ps` at the latest
  const state = storeStateFolder(path)
  rmSync(path, { recursive: true, force: true })
  rmSync(state, { recursive: true, force: true })
}

async function renew({ prepare }: Sweep): Promise<void> {
  await clear(root)
  // cp(1): it keeps the attributes of overlayfs
  execFileSync('cp', ['-a', template, root])
  if (prepare !== undefined) await mustRun(root, ...(typeof prepare === 'function' ? prepare() : prepare))
}

async function countPoints(sweep: Sweep): Promise<number> {
  const path = join(folder, 'count')
  const { code, err } = await runMille(root, sweep.args(), { MILLE_KILL_COUNT: path })
  assert.equal(code, 0, err)
  return Number(readFileSync(path, 'utf8'))
}

function chosenPoints(total: number): number[] {
  const step = Math.max(1, Math.floor(total / samples))
  const first = samples === Infinity ? 1 : 1 + (process.pid % step)
  return Array.from({ length: Math.ceil((total - first + 1) / step) }, (_, index) => first + index * step)
}

for (const [name, sweep] of Object.entries(sweeps))
  test(`B-ST-1 kill -9 during ${name}: nothing half done is seen, the same command succeeds, nothing is left`, async () => {
    await renew(sweep)
    const start = (await look(root)).lines
    const total = await countPoints(sweep)
    const end = (await look(root)).lines
    for (const n of chosenPoints(total)) {
      await renew(sweep)
      const { code } = await runMille(root, sweep.args(), { MILLE_KILL_AT: String(n) })
      // the last points may come in another order, or not at all
      if (code === 0) continue
      await inspect(sweep, start, end, `killed at ${String(n)} of ${String(total)}`)
    }
  })

async function inspect(
  sweep: Sweep,
  start: ReadonlySet<string>,
  end: ReadonlySet<string>,
  at: string,
): Promise<void> {
  const seen = await look(root)
  for (const line of seen.lines)
    assert.ok(start.has(line) || end.has(line) || sweep.between?.test(line), `${line}: ${at}`)
  for (const line of start) if (end.has(line)) assert.ok(seen.lines.has(line), `${line} is lost: ${at}`)
  const again = await runMille(root, sweep.args())
  if (again.code !== 0) assert.match(again.err, sweep.done ?? /^$/, at)
  const { ids, lines } = await look(root)
  for (const line of end) assert.ok(lines.has(line) || sweep.done !== undefined, `${line} is missing: ${at}`)
  const { out } = await runMille(root, ['ps', '-aq', '--filter', 'name=web'])
  if (out.trim() !== '') await mustRun(root, 'rm', '-f', out.trim())
  await mustRun(root, 'system', 'prune', '-f')
  assert.deepEqual(leftovers(root), [], at)
  assert.deepEqual(endpoints([...ids, ...seen.ids]), [], at)
  await look(root)
}
