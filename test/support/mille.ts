import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { umount } from './umount.ts'

const command = resolve(import.meta.dirname, '../../bin/mille')

export interface Ran {
  readonly code: number
  readonly out: string
  readonly err: string
}

/** The real command on a store of its own. Disposing removes containers, mounts and the store. */
export interface TestMille {
  readonly root: string
  /** Runs a command line to its end. */
  run(
    args: readonly string[],
    options?: { readonly input?: string | Buffer; readonly cwd?: string; readonly env?: NodeJS.ProcessEnv },
  ): Ran
  /** As `run`; throws with the output when the exit code is not 0. Returns standard output, trimmed. */
  ok(...args: readonly string[]): string
  /** Starts a command in the background. */
  start(...args: readonly string[]): ChildProcess
  /** The same with another `mille`. */
  startWith(program: string | undefined, ...args: readonly string[]): ChildProcess
  [Symbol.dispose](): void
}

export function testMille(env: NodeJS.ProcessEnv = {}, parent: string = tmpdir()): TestMille {
  const root = mkdtempSync(join(parent, 'mille-e2e-'))
  const places = { DOCKER_CONFIG: join(root, 'docker'), MILLE_CONFIG: join(root, 'config') }
  const variables = { ...process.env, ...places, ...env, MILLE_ROOT: root }
  const children: ChildProcess[] = []
  const run: TestMille['run'] = (args, options = {}) => {
    const result = spawnSync(command, args, {
      input: options.input ?? '',
      env: { ...variables, ...options.env },
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      maxBuffer: 64 * 1024 * 1024,
    })
    if (result.error) throw result.error
    return { code: result.status ?? 128, out: result.stdout.toString(), err: result.stderr.toString() }
  }
  const startWith: TestMille['startWith'] = (program = command, ...args) => {
    // one that is no checkout takes the Node that it finds
    const PATH = `${dirname(process.execPath)}:${process.env['PATH'] ?? ''}`
    const child = spawn(program, args, { env: { ...variables, PATH }, stdio: ['ignore', 'pipe', 'pipe'] })
    children.push(child)
    return child
  }
  return {
    root,
    run,
    ok(...args) {
      const { code, out, err } = run(args)
      if (code !== 0) throw new Error(`mille ${args.join(' ')}: exit ${code}\n${out}${err}`)
      return out.trim()
    },
    start: (...args) => startWith(undefined, ...args),
    startWith,
    [Symbol.dispose]() {
      for (const child of children) child.kill('SIGKILL')
      const ids = run(['ps', '-aq']).out.split('\n').filter(Boolean)
      if (ids.length > 0) run(['rm', '-fv', ...ids])
      umount(root)
      // a monitor may just be settling what was removed
      rmSync(root, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 })
    },
  }
}
