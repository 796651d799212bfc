import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { openEngine } from '../../src/engine/open-engine.ts'
import { bridgeStateFolder, storeStateFolder } from '../../src/engine/state-folder.ts'
import { readText } from '../../src/util/read-text.ts'

const project = resolve(import.meta.dirname, '../..')
const bundle = process.env['MILLE_BUNDLE'] ?? join(project, 'dist/mille.cjs')
const killAt = join(project, 'test/support/kill-at.ts')

export interface Ended {
  /** 137 when it was killed. */
  readonly code: number
  readonly out: string
  readonly err: string
}

/** Builds the bundle when a source is newer, as the command does by itself. */
export function freshBundle(): void {
  execFileSync(join(project, 'bin/mille'), ['version'])
}

/** Runs the built command on a store, with more environment. */
export async function runMille(
  root: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const preload = 'MILLE_KILL_AT' in env || 'MILLE_KILL_COUNT' in env ? ['--import', killAt] : []
  const child = spawn(process.execPath, [...preload, '--', bundle, ...args], {
    env: { ...process.env, NODE_NO_WARNINGS: '1', ...env, MILLE_ROOT: root },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 60_000,
  })
  const [out, err, [code]] = (await Promise.all([
    buffer(child.stdout),
    buffer(child.stderr),
    once(child, 'close'),
  ])) as [Buffer, Buffer, [number | null]]
  return { code: code ?? 137, out: out.toString(), err: err.toString() }
}

/** As `runMille`; its output, or an error with everything it said. */
export async function mustRun(root: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await runMille(root, args)
  assert.equal(code, 0, `mille ${args.join(' ')}: exit ${String(code)}\n${out}${err}`)
  return out.trim()
}

/** What a user can see of a store: images by name, dangling ones by id; containers by name and state. Fails on damage. */
export async function look(
  root: string,
): Promise<{ readonly lines: ReadonlySet<string>; readonly ids: readonly string[] }> {
  await using engine = await openEngine({ root })
  assert.deepEqual(await engine.check(), [])
  const images = await engine.images.list({ all: true })
  const containers = await engine.containers.list({ all: true })
  return {
    lines: new Set([
      ...images.flatMap(({ id, repoTags }) => (repoTags.length > 0 ? repoTags : [`dangling ${id}`])),
      ...containers.map(({ name, state }) => `${name} ${state.status}`),
    ]),
    ids: containers.map(({ id }) => id),
  }
}

/** Whatever a command leaves for the next one to clean up; empty after a collection. */
export function leftovers(root: string): string[] {
  const names = (...parts: readonly string[]): string[] => {
    const folder = join(...parts)
    return existsSync(folder)
      ? readdirSync(folder).map((name) => join(...parts, name).replace(`${root}/`, ''))
      : []
  }
  const state = storeStateFolder(root)
  const containers = new Set(readdirSync(join(root, 'snapshots/active')))
  const mounts = readText('/proc/self/mountinfo')
    .split('\n')
    .map((line) => line.split(' ')[4] ?? '')
    .filter((path) => path.startsWith(`${root}/`) && !path.includes('/snapshots/mounts'))
  return [
    ...['ingest', 'trash', 'quarantine', 'builds', 'snapshots/staging', 'snapshots/mounts/lent'].flatMap(
      (name) => names(root, name),
    ),
    ...names(root, 'snapshots/mounts/active').filter((name) => !containers.has(name.split('/').at(-1) ?? '')),
    ...names(root, 'containers').filter(
      (name) => !containers.has(`container-${name.split('/').at(-1) ?? ''}`),
    ),
    ...names(root, 'cache-mounts').filter((name) => name.includes('.')),
    ...names(state, 'steps'),
    ...['runtime', 'containers', 'attended', 'exits']
      .flatMap((name) => names(state, name))
      // one lock file for all containers of the store
      .filter((name) => !name.endsWith('/log-keeper'))
      .filter((name) => !containers.has(`container-${name.split('/').at(-1) ?? ''}`)),
    ...mounts,
  ]
}

/** Network endpoints and namespaces that containers have on the machine's bridge. */
export function endpoints(containers: readonly string[]): string[] {
  return ['endpoints', 'namespaces'].flatMap((name) => {
    const folder = join(bridgeStateFolder(), name)
    const present = existsSync(folder) ? readdirSync(folder) : []
    return present
      .filter((one) => containers.includes(one.replace(/\.json$/, '')))
      .map((one) => `${name}/${one}`)
  })
}
