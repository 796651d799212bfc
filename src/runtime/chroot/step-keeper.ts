import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { insideRoot } from '../../linux/inside-root.ts'
import type { RootPlace } from '../../linux/inside-root.ts'
import { keepDescriptors } from '../../linux/keep-descriptors.ts'
import { killQuietly } from '../../linux/kill-quietly.ts'
import { limitCapabilities, setOwnLimit } from '../../linux/process-limits.ts'
import type { ProcessLimit } from '../../linux/process-limits.ts'
import { becomeSubreaper, descendantsOf, reapChildren } from '../../linux/subreaper.ts'
import { eraseSecrets } from './erase-secrets.ts'

/** What the keeper starts. */
export interface KeptProcess extends RootPlace {
  readonly args: readonly string[]
  readonly env: Readonly<Record<string, string>>
  readonly limits: readonly ProcessLimit[]
  /** Numbers. */
  readonly capabilities: readonly number[]
  /** Paths below the root of files that must not outlive the step. */
  readonly secrets: readonly string[]
}

/** What it is told: first a process, at any time later that it is to end. */
export type KeeperOrder = KeptProcess | 'end'

/** What it says at the end of the process, unless it was told to end it. */
export type KeeperReport = { readonly exitCode: number } | { readonly failed: string }

/** Milliseconds between looks for processes that are still ending, and for them to be gone. */
const pause = 2
const patience = 10_000

/**
 * The program that stands in for the process namespace that a step has not: it starts the step's process in its root and
 * ends whatever that one leaves behind. No descendant can get away from it, as orphans become its children. When the process
 * that started it dies, the channel between them breaks, and the step ends, with its secrets, which nobody else would remove.
 */
function keep(): void {
  becomeSubreaper()
  // a terminal's Ctrl-C is for the step
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGHUP', 'SIGTERM', 'SIGTSTP'] as const)
    process.on(signal, () => {})
  let kept: KeptProcess | undefined
  const end = (): void =>
    void endAll().then(() => {
      // else whoever listens takes them away, and restores the times around them
      if (!process.connected && kept !== undefined) eraseSecrets(kept.root, kept.secrets)
      process.exit()
    })
  process.once('disconnect', end)
  process.on('message', (order: KeeperOrder) => {
    if (order === 'end') return end()
    kept = order
    begin(order)
  })
}

function begin(wanted: KeptProcess): void {
  const report = (said: KeeperReport): void => {
    void endAll().then((left) => {
      // nobody hears it: the end that this brings has more to do
      if (!process.connected) return
      const failed = `its processes ${left.join(', ')} could not be ended`
      process.send?.(left.length === 0 ? said : { failed }, () => process.exit())
    })
  }
  try {
    const child = start(wanted)
    child.once('error', (error) => report({ failed: error.message }))
    child.once('exit', (code, signal) => report({ exitCode: code ?? 128 + signalNumber(signal) }))
  } catch (error) {
    report({ failed: error instanceof Error ? error.message : String(error) })
  }
}

function start({ args, env, limits, capabilities, ...place }: KeptProcess): ChildProcess {
  const [command = '', ...words] = args
  keepDescriptors()
  limitCapabilities(capabilities)
  for (const limit of limits) setOwnLimit(limit)
  process.umask(0o022)
  return insideRoot(place, () => spawn(command, words, { env, stdio: 'inherit' }))
}

function signalNumber(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : process.getBuiltinModule('node:os').constants.signals[signal]
}

/** Resolves with those that are still there: this process may not end them (no CAP_KILL), or the kernel cannot. */
async function endAll(): Promise<readonly number[]> {
  for (const limit = performance.now() + patience; ;) {
    if (!reapChildren()) return []
    const left = descendantsOf(process.pid)
    if (performance.now() > limit) return left
    for (const pid of left) killQuietly(pid)
    await sleep(pause)
  }
}

keep()
