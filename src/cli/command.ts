import type { Readable, Writable } from 'node:stream'
import type { Engine, EngineOptions } from '../engine/engine.ts'
import type { FlagTable, FlagValues } from './flags/flag.ts'

/** Standard output or error: a stream that may be a terminal. */
export interface OutputStream extends Writable {
  readonly isTTY?: boolean
  readonly columns?: number
  readonly rows?: number
}

export interface InputStream extends Readable {
  readonly isTTY?: boolean
  setRawMode?(raw: boolean): unknown
}

export interface CommandIo {
  readonly stdin: InputStream
  readonly stdout: OutputStream
  readonly stderr: OutputStream
  /** In raw mode: newlines leave the terminal as the container wrote them. Undone with raw mode. */
  readonly keepNewlines?: () => void
}

/** Signals of this process, for commands that hand them on to a container instead of ending. */
export interface SignalSource {
  /** While the returned function has not been called, signals go to `listener` and do not end the command. */
  intercept(listener: (signal: NodeJS.Signals) => void): () => void
}

/** What a command may touch of the world; tests give their own. */
export interface CommandContext {
  readonly io: CommandIo
  readonly signal: AbortSignal
  readonly signals: SignalSource
  readonly env: Readonly<Record<string, string | undefined>>
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Opens the store at the first call, whose `more` registries count beside those of the command line; closed by the dispatcher. */
  readonly engine: (
    more?: Pick<EngineOptions, 'root' | 'insecureRegistries' | 'registryMirrors' | 'isolation'>,
  ) => Promise<Engine>
  readonly engineOptions: EngineOptions
  /** `--debug`, or MILLE_DEBUG: warnings with all details, errors with their stack. */
  readonly debug: boolean
  /** `mille container ls`: the words the command was called by. */
  readonly path: string
  /** Of the command's group, given before its own words: `compose -f FILE up`. */
  readonly groupFlags: Readonly<Record<string, unknown>>
}

export interface Call<Table extends FlagTable> {
  readonly flags: FlagValues<Table>
  readonly args: readonly string[]
  readonly given: ReadonlySet<string>
}

export interface Command<Table extends FlagTable = FlagTable> {
  /** What follows the command's words, one line for each form: `[OPTIONS] IMAGE [IMAGE...]`. */
  readonly usage: readonly string[]
  readonly summary: string
  /** Fewest and most arguments. */
  readonly arguments: readonly [number, number]
  readonly flags: Table
  /** Flags end at the first argument: what follows belongs to the container's command. */
  readonly stopAtArgument?: boolean
  /** `run`: a failure is printed as `mille: …` and exits with 125, or 126 or 127 for the container's command. */
  readonly failsAsRun?: boolean
  /** Works on no store, and so also for an ordinary user who can have none. */
  readonly isStoreless?: boolean
  /** The exit code; 0 when it resolves with nothing. */
  run(call: Call<Table>, context: CommandContext): Promise<number | undefined>
}

/** A command whose own flag types the dispatcher need not know. */
export type AnyCommand = Omit<Command, 'run'> & {
  run(call: Call<never>, context: CommandContext): Promise<number | undefined>
}

/** Gives the command's `run` the types of its flags. */
export function defineCommand<const Table extends FlagTable>(command: Command<Table>): AnyCommand {
  return command
}
