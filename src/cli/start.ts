import { writeSync } from 'node:fs'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import { folderVariable } from '../engine/owner.ts'
import { fromNodeError } from '../linux/system-failure.ts'
import { messageOf } from '../util/errors.ts'
import type { CommandIo, SignalSource } from './command.ts'
import { dispatch } from './dispatch.ts'

const exitCodes: Readonly<Partial<Record<NodeJS.Signals, number>>> = {
  SIGINT: 130,
  SIGTERM: 143,
  SIGHUP: 129,
}

/** Milliseconds that a command may take to clean up once nobody reads its output. */
const pipeGrace = 5000

/** So many SIGINT and SIGTERM end a command whose container takes them and lives on, as Docker's. */
const mostForwarded = 3

interface ProcessSignals extends SignalSource {
  readonly signal: AbortSignal
  /** The exit code that the first ending signal asks for. */
  exitCode(): number | undefined
  /** As a signal with this exit code. */
  stop(code: number): void
}

/**
 * The first SIGINT, SIGTERM or SIGHUP aborts what runs, so that it can clean up; a second one ends the process at once.
 * While a command intercepts, each signal goes to it instead, but not for ever.
 */
function watchSignals(): ProcessSignals {
  const controller = new AbortController()
  const listeners = new Set<(signal: NodeJS.Signals) => void>()
  let code: number | undefined
  let forwarded = 0
  const onSignal = (signal: NodeJS.Signals): void => {
    if (listeners.size > 0) {
      if ((signal === 'SIGINT' || signal === 'SIGTERM') && ++forwarded === mostForwarded) {
        writeSync(2, `\ngot ${mostForwarded} SIGTERM/SIGINTs, forcefully exiting\n`)
        process.exit(1)
      }
      for (const listener of listeners) listener(signal)
      return
    }
    const wanted = exitCodes[signal]
    if (wanted === undefined) return
    if (code !== undefined) process.exit(wanted)
    code = wanted
    controller.abort()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal)
  const interceptedToo = ['SIGQUIT', 'SIGUSR2', 'SIGCONT', 'SIGWINCH'] as const
  return {
    signal: controller.signal,
    exitCode: () => code,
    stop(wanted) {
      code ??= wanted
      controller.abort()
    },
    intercept(listener) {
      if (listeners.size === 0) for (const signal of interceptedToo) process.on(signal, onSignal)
      listeners.add(listener)
      return () => {
        listeners.delete(listener)
        if (listeners.size === 0) for (const signal of interceptedToo) process.off(signal, onSignal)
      }
    },
  }
}

/** Was the engine asked for? Then most that it needs is loaded. */
let hasEngine = false

/** Runs the command line `argv` and ends the process with its exit code. */
export async function start(argv: readonly string[]): Promise<void> {
  returnToFolder(process.env)
  const signals = watchSignals()
  // a reader that went away (`mille ps | head -1`) is no error: end quietly, as SIGPIPE does, but undo what is half done
  const onPipe = (error: NodeJS.ErrnoException): void => {
    if (error.code === 'EPIPE') {
      signals.stop(141)
      setTimeout(() => process.exit(141), pipeGrace).unref()
      return
    }
    // what was aborted for it is no second error
    if (signals.exitCode() !== undefined) return
    writeSync(2, `mille: ${messageOf(fromNodeError(error, '/dev/stdout'))}\n`)
    process.exit(1)
  }
  const streams = standardStreams(onPipe)
  process.on('uncaughtException', (error) => {
    const shown = process.env['MILLE_DEBUG'] ? error.stack : error.message
    process.stderr.write(`mille: internal error: ${shown}\n`)
    process.exit(1)
  })
  const code = await dispatch(argv, {
    io: streams,
    signal: signals.signal,
    signals,
    env: process.env,
    now: Date.now,
    openEngine: loadEngine,
    prepare: enterNamespace,
  })
  process.exitCode = signals.exitCode() ?? code
  await streams.flush()
  if (hasEngine && !streams.areOpen()) (await import('../linux/end-process.ts')).endProcess(process.exitCode)
  process.exit()
}

/** In the namespace of an ordinary user: back to where the command was called. */
function returnToFolder(env: NodeJS.ProcessEnv): void {
  const folder = env[folderVariable]
  if (folder !== undefined) process.chdir(folder)
  delete env[folderVariable]
}

interface StandardStreams extends CommandIo {
  /** Was any of them asked for? */
  areOpen(): boolean
  flush(): Promise<void>
}

/** By getters: opening a standard stream takes a millisecond, most commands never read, and some have nothing to say. */
function standardStreams(onError: (error: Error) => void): StandardStreams {
  let reads = false
  const written = new Set<NodeJS.WriteStream>()
  const output = (stream: NodeJS.WriteStream): NodeJS.WriteStream => {
    if (!written.has(stream)) stream.on('error', onError)
    written.add(stream)
    return stream
  }
  return {
    get stdin() {
      reads = true
      return process.stdin
    },
    get stdout() {
      return output(process.stdout)
    },
    get stderr() {
      return output(process.stderr)
    },
    keepNewlines,
    areOpen: () => reads || written.size > 0,
    async flush() {
      for (const stream of written) await flush(stream)
    },
  }
}

/** Node's raw mode still turns LF into CR LF on output, which breaks full-screen programs; leaving raw mode undoes this. */
function keepNewlines(): void {
  const { spawnSync } = process.getBuiltinModule('node:child_process')
  spawnSync('stty', ['-opost'], { stdio: ['inherit', 'ignore', 'ignore'] })
}

/** For an ordinary user the command begins anew in there: nothing may be printed or read before. */
async function enterNamespace(): Promise<void> {
  if (process.getuid?.() !== 0) await (await import('./enter-namespace.ts')).enterNamespace(process.env)
}

async function loadEngine(options: EngineOptions): Promise<Engine> {
  const { openEngine } = await import('../engine/open-engine.ts')
  hasEngine = true
  return await openEngine({ ...options, processEnds: true, program: process.argv[1] })
}

/** Pipes are written asynchronously: what is queued must leave before the process does. */
function flush(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.write('', () => resolve())
  })
}
