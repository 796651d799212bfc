import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { waitReadable } from '../linux/poll.ts'
import { neverWait, openPipe, reap, spawnDetached } from '../linux/spawn-detached.ts'
import { killQuietly } from '../linux/kill-quietly.ts'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'
import { readPidFile } from './container-files.ts'
import { findProgram } from './machine.ts'
import type { OciProgram } from './oci-program.ts'
import { runtimeCall } from './runtime-call.ts'
import type { RuntimeCall } from './runtime-call.ts'
import { findRuntimeError } from './runtime-log.ts'
import { readText } from '../util/read-text.ts'

export interface MonitorRequest {
  readonly program: OciProgram
  /** First-version controllers that the runtime is to see. */
  readonly controllers: ReadonlySet<string>
  /** Folder of the runtime's own state. */
  readonly root: string
  readonly id: string
  /** Names this run of conmon: the container's id, or the exec's. */
  readonly sessionId: string
  readonly bundle: string
  readonly pidFile: string
  readonly monitorPidFile: string
  readonly monitorLog: string
  readonly runtimeLog: string
  readonly tty: boolean
  readonly stdin: boolean
  /** Milliseconds that the runtime may take (B-RN-8). */
  readonly timeout: number
  /** conmon's further flags. */
  readonly flags: readonly string[]
  /** For an exec: called when the attach socket is there and before the process starts. */
  readonly onAttachable?: () => void
}

/** conmon, which has not started the runtime yet. Disposing lets it go: before `start` it ends, afterwards it stays. */
export interface Monitor extends Disposable {
  /**
   * Has it start the runtime; from then on it stays with the process, also when this one is gone. Resolves with the pid
   * that it reports. Errors: RUNTIME_FAILED with the runtime's words, CANCELED.
   */
  start(options?: OpOptions): Promise<number>
}

/**
 * Starts conmon. It gets ready while the caller goes on, and waits for `start`: only then must the bundle be there.
 * Errors: PROGRAM_MISSING.
 */
export function openMonitor(request: MonitorRequest): Monitor {
  using parts = new DisposableStack()
  const call = parts.use(runtimeCall(request.program, request.controllers))
  const monitor = parts.use(spawnMonitor(request, call))
  let started = false
  parts.defer(() => {
    if (!started) monitor.kill()
  })
  const kept = parts.move()
  return {
    start(options = {}) {
      started = true
      return followStart(request, monitor, options)
    },
    [Symbol.dispose]: () => kept.dispose(),
  }
}

async function followStart(
  request: MonitorRequest,
  monitor: StartingMonitor,
  options: OpOptions,
): Promise<number> {
  let late = false
  const stop = (): void => {
    late = true
    monitor.kill()
    killMonitorGroup(request.monitorPidFile, request.id)
  }
  const cut = stopAfter(request.timeout, stop, options.signal)
  try {
    monitor.goOn()
    if (monitor.attach !== undefined) {
      // with it the process itself waits for a second word
      await firstNumber(monitor.attach)
      request.onAttachable?.()
      monitor.goOn()
    }
    const pid = await firstNumber(monitor.sync)
    if (pid === undefined || pid < 0)
      throw runtimeFailure(
        request,
        late ? `no answer within ${request.timeout / 1000} s` : 'it ended without a word',
      )
    return pid
  } catch (error) {
    if (options.signal?.aborted === true) throw failure('CANCELED', {})
    throw error
  } finally {
    cut()
  }
}

/** conmon's words for its pipes; the last is for one to attach to. */
const pipeNames = ['_OCI_SYNCPIPE', '_OCI_STARTPIPE', '_OCI_ATTACHPIPE'] as const

/** conmon while it starts. Disposing lets it go. */
interface StartingMonitor extends Disposable {
  /** Reading ends of its pipes. */
  readonly sync: number
  readonly attach: number | undefined
  goOn(): void
  kill(): void
}

function spawnMonitor(request: MonitorRequest, call: RuntimeCall): StartingMonitor {
  const path = findProgram('conmon')
  if (path === undefined) throw failure('PROGRAM_MISSING', { program: 'conmon', package: 'conmon' })
  using theirs = new DisposableStack()
  const ours = new DisposableStack()
  const owned = (stack: DisposableStack, descriptor: number): number => stack.adopt(descriptor, closeSync)
  try {
    const log = owned(theirs, openSync(request.monitorLog, 'a', 0o600))
    const nothing = owned(theirs, openSync('/dev/null', 'r'))
    const names = request.onAttachable === undefined ? pipeNames.slice(0, 2) : pipeNames
    const pipes = names.map((name) => {
      const { read, write } = openPipe()
      const [mine, other] = name === '_OCI_STARTPIPE' ? [write, read] : [read, write]
      if (mine === read) neverWait(mine)
      return { name, mine: owned(ours, mine), other: owned(theirs, other) }
    })
    const standard = [nothing, log, log]
    const pid = spawnDetached({
      path,
      args: monitorArguments(request, call),
      descriptors: [...standard, ...pipes.map(({ other }) => other)],
      // of mille's environment conmon and the runtime need nothing else; secrets stay here
      env: {
        PATH: process.env['PATH'] ?? '',
        ...call.env,
        ...Object.fromEntries(pipes.map(({ name }, index) => [name, String(standard.length + index)])),
      },
      // it leaves a file called `oom` in its working folder when the kernel ended a process for memory
      folder: dirname(request.monitorLog),
    })
    ours.defer(() => reapSoon(pid))
    const [sync = -1, start = -1, attach] = pipes.map(({ mine }) => mine)
    return {
      sync,
      attach,
      goOn: () => tellGoOn(start),
      kill: () => killQuietly(pid),
      [Symbol.dispose]: () => ours.dispose(),
    }
  } catch (error) {
    ours.dispose()
    throw error
  }
}

function tellGoOn(pipe: number): void {
  try {
    writeSync(pipe, '0')
  } catch (error) {
    // it has ended, and its other pipe says so
    if ((error as NodeJS.ErrnoException).code !== 'EPIPE') throw error
  }
}

/** conmon forks itself away; what is left of its first process is taken as soon as it has ended. */
function reapSoon(pid: number): void {
  if (reap(pid)) return
  const timer = setInterval(() => {
    if (reap(pid)) clearInterval(timer)
  }, 20)
  timer.unref()
}

/** conmon has a session of its own, with the runtime in it: both end, a runtime that hangs too. */
function killMonitorGroup(pidFile: string, id: string): void {
  const pid = readPidFile(pidFile)
  if (pid === undefined || !isMonitorOf(pid, id)) return
  killQuietly(-pid)
}

/** By now the number may be another process's. */
function isMonitorOf(pid: number, id: string): boolean {
  try {
    const words = readText(`/proc/${pid}/cmdline`).split('\0')
    return words[0]?.endsWith('conmon') === true && words.includes(id)
  } catch {
    return false
  }
}

function stopAfter(timeout: number, stop: () => void, signal: AbortSignal | undefined): () => void {
  const timer = setTimeout(stop, timeout)
  signal?.addEventListener('abort', stop, { once: true })
  return () => {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function runtimeFailure(request: MonitorRequest, fallback: string): Error {
  let words = ''
  try {
    words = readText(request.monitorLog).trim().split('\n').at(-1) ?? ''
  } catch {
    // no log: the fallback says what is known
  }
  const reason = findRuntimeError(request.runtimeLog) ?? (words || fallback)
  return failure('RUNTIME_FAILED', { runtime: request.program.path, reason, log: request.runtimeLog })
}

/** conmon reports `{"data": N}` and a newline: a pid, 0 for "ready", or a negative number for a failure; undefined at its end. */
async function firstNumber(pipe: number): Promise<number | undefined> {
  const chunk = Buffer.alloc(4096)
  for (let text = ''; ;) {
    const length = tryRead(pipe, chunk)
    if (length === 0) return undefined
    if (length !== undefined) text += chunk.toString('utf8', 0, length)
    else {
      waitReadable(pipe, 1)
      await turn()
    }
    const [line = '', rest] = text.split('\n', 2)
    if (rest !== undefined) return (JSON.parse(line) as { readonly data?: number }).data
  }
}

/** Bytes read; undefined when there are none now. */
function tryRead(pipe: number, into: Buffer): number | undefined {
  try {
    return readSync(pipe, into)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined
    throw error
  }
}

function monitorArguments(request: MonitorRequest, call: RuntimeCall): string[] {
  const runtimeArguments = [
    ...call.prefix,
    '--root',
    request.root,
    '--log',
    request.runtimeLog,
    '--log-format',
    'json',
  ]
  return [
    '--api-version',
    '1',
    '--cid',
    request.id,
    '--cuuid',
    request.sessionId,
    '--runtime',
    call.command,
    ...runtimeArguments.map((argument) => `--runtime-arg=${argument}`),
    '--bundle',
    request.bundle,
    '--full-attach',
    '--container-pidfile',
    request.pidFile,
    '--conmon-pidfile',
    request.monitorPidFile,
    ...(request.tty ? ['--terminal'] : []),
    ...(request.stdin ? ['--stdin'] : []),
    // a terminal's input stays open when its user detaches; a pipe's end is the process's end of input
    ...(request.stdin && request.tty ? ['--leave-stdin-open'] : []),
    '--no-sync-log',
    ...request.flags,
  ]
}
