import { spawn } from 'node:child_process'
import { closeSync, lstatSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { folderVariable, ownerVariable } from '../engine/owner.ts'
import { runFolder } from '../engine/state-folder.ts'
import { tryFlock } from '../linux/flock.ts'
import { identifyProcess, isRunning, type ProcessIdentity } from '../linux/process-identity.ts'
import { failure } from '../util/errors.ts'
import { makeFolders } from '../util/make-folders.ts'
import { readText } from '../util/read-text.ts'
import { namespaceAdvice, namespaceFacts } from './namespace-refusal.ts'

/** Milliseconds for the namespace to get its id maps. */
const patience = 10_000

/**
 * For an ordinary user: starts this very command again inside the user's namespace, where it is root over the user's
 * subordinate ids and may mount; does not return then. All commands of a user share one namespace, which a process that does
 * nothing holds open, so that they see each other's mounts. Returns at once for root.
 * Errors: ROOTLESS_UNAVAILABLE with what is missing.
 */
export async function enterNamespace(env: NodeJS.ProcessEnv): Promise<void> {
  const uid = process.getuid?.() ?? 0
  if (uid === 0) return
  const holder = await findHolder(env)
  const inside = { ...env, [ownerVariable]: String(uid), [folderVariable]: process.cwd() }
  const words = ['--user', '--mount', '--preserve-credentials', `--target=${String(holder.pid)}`, '--']
  const command = [process.execPath, ...process.execArgv, '--', ...process.argv.slice(1)]
  process.execve?.(programPath('nsenter'), ['nsenter', ...words, ...command], inside)
}

function programPath(name: string): string {
  return `/usr/bin/${name}`
}

async function findHolder(env: NodeJS.ProcessEnv): Promise<ProcessIdentity> {
  const folder = runFolder(env)
  makeFolders(folder, 0o700)
  refuseForeign(folder)
  const path = join(folder, 'namespace.json')
  const lock = openSync(join(folder, 'namespace.lock'), 'w', 0o600)
  try {
    while (!tryFlock(lock, 'exclusive', folder)) await sleep(5)
    const known = readHolder(path)
    if (known !== undefined && isRunning(known)) return known
    const made = await startHolder()
    writeFileSync(path, JSON.stringify(made), { mode: 0o600 })
    return made
  } finally {
    closeSync(lock)
  }
}

/** In a folder that others can write to, another user may have made it first. */
function refuseForeign(folder: string): void {
  const { uid, mode } = lstatSync(folder)
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return
  throw failure('ROOTLESS_UNAVAILABLE', {
    reason: `${folder} is not yours alone`,
    advice: 'set XDG_RUNTIME_DIR',
  })
}

function readHolder(path: string): ProcessIdentity | undefined {
  try {
    return JSON.parse(readText(path)) as ProcessIdentity
  } catch {
    return undefined
  }
}

/** Waits until the ids are mapped and the program that does nothing has started. */
async function startHolder(): Promise<ProcessIdentity> {
  const words = [
    '--user',
    '--map-root-user',
    '--map-auto',
    '--mount',
    '--propagation',
    'slave',
    'sleep',
    'infinity',
  ]
  const child = spawn(programPath('unshare'), words, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] })
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<never>((_, reject) => {
    const fail = (): void => reject(unavailable(said))
    child.once('error', fail)
    child.once('close', fail)
  })
  ended.catch(() => undefined)
  try {
    return await Promise.race([ended, ready(child.pid ?? 0, () => said)])
  } finally {
    child.stderr.destroy()
    child.unref()
  }
}

async function ready(pid: number, said: () => string): Promise<ProcessIdentity> {
  const limit = performance.now() + patience
  for (;;) {
    const identity = identifyProcess(pid)
    if (identity !== undefined && readText(`/proc/${String(pid)}/comm`) === 'sleep\n') return identity
    if (performance.now() > limit) throw unavailable(said())
    await sleep(2)
  }
}

function unavailable(said: string): Error {
  const reason = said.trim().split('\n').at(-1) || 'the namespace could not be made'
  return failure('ROOTLESS_UNAVAILABLE', { reason, advice: namespaceAdvice(namespaceFacts()) })
}
