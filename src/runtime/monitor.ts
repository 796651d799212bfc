import { spawn } from 'node:child_process'
import { closeSync, openSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Readable } from 'node:stream'
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

/** Numbers of conmon's pipes among the child's descriptors. */
const SYNC = 3
const ATTACH = 4
const START = 5

/**
 * Starts conmon, which starts the runtime and stays with the process after this one is gone. Resolves with the pid
 * that it reports. Errors: PROGRAM_MISSING, RUNTIME_FAILED with the runtime's words, CANCELED.
 */
export async function startMonitor(request: MonitorRequest, options: OpOptions = {}): Promise<number> {
  const conmon = findProgram('conmon')
  if (conmon === undefined) throw failure('PROGRAM_MISSING', { program: 'conmon', package: 'conmon' })
  const attach = request.onAttachable !== undefined
  using call = runtimeCall(request.program, request.controllers)
  const log = openSync(request.monitorLog, 'a', 0o600)
  let child
  try {
    child = spawn(conmon, monitorArguments(request, call), {
      stdio: ['ignore', log, log, 'pipe', ...(attach ? (['pipe', 'pipe'] as const) : [])],
      // of mille's environment conmon and the runtime need nothing else; secrets stay here
      env: {
        PATH: process.env['PATH'],
        _OCI_SYNCPIPE: String(SYNC),
        ...(attach ? { _OCI_ATTACHPIPE: String(ATTACH), _OCI_STARTPIPE: String(START) } : {}),
      },
      // it leaves a file called `oom` in its working folder when the kernel ended a process for memory
      cwd: dirname(request.monitorLog),
      detached: true,
    })
  } finally {
    closeSync(log)
  }
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (cause) => reject(runtimeFailure(request, cause.message)))
  })
  const streams = child.stdio as unknown as (Readable & { write(chunk: string): void })[]
  let late = false
  const stop = (): void => {
    late = true
    child.kill('SIGKILL')
    killMonitorGroup(request.monitorPidFile, request.id)
  }
  const cut = stopAfter(request.timeout, stop, options.signal)
  try {
    if (attach) {
      streams[START]?.write('0') // both steps wait for it: the fork, and the process itself
      await Promise.race([firstNumber(streams[ATTACH] as Readable), failed])
      request.onAttachable?.()
      streams[START]?.write('0')
    }
    const pid = await Promise.race([firstNumber(streams[SYNC] as Readable), failed])
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
    for (const stream of streams.slice(SYNC)) stream?.destroy()
    child.unref()
  }
}

/** conmon has a session of its own, with the runtime in it: both end, a runtime that hangs too. */
export function killMonitorGroup(pidFile: string, id: string): void {
  const pid = readPidFile(pidFile)
  if (pid === undefined || !isMonitorOf(pid, id)) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it ended by itself
  }
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

/** conmon reports `{"data": N}` and a newline: a pid, 0 for "ready", or a negative number for a failure. */
async function firstNumber(stream: Readable): Promise<number | undefined> {
  let text = ''
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    text += chunk.toString()
    if (!text.includes('\n')) continue
    const { data } = JSON.parse(text.split('\n', 1)[0] ?? '{}') as { data?: number }
    return data
  }
  return undefined
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
