import type { Engine, EngineOptions } from '../engine/engine.ts'
import { failure } from '../util/errors.ts'
import { suggest } from '../util/suggest.ts'
import type { AnyCommand, CommandContext, CommandIo, SignalSource } from './command.ts'
import { commandTable, type CommandEntry, type CommandGroup } from './command-table.ts'
import { list, text, toggle } from './flags/flag.ts'
import { parseFlags } from './flags/parse-flags.ts'
import { commandHelp, groupHelp } from './help.ts'
import { reportError } from './report-error.ts'

/** The world of one call of `mille`; tests give their own. */
export interface Surroundings {
  readonly io: CommandIo
  readonly signal: AbortSignal
  readonly signals: SignalSource
  readonly env: Readonly<Record<string, string | undefined>>
  readonly now: () => number
  readonly openEngine: (options: EngineOptions) => Promise<Engine>
  /** Called before a command that works on a store does anything: may start all of it again in a better place. */
  readonly prepare?: () => Promise<void>
}

const globalFlags = {
  debug: toggle('Enable debug mode', { short: 'D' }),
  'insecure-registry': list('Registry that may be reached without TLS'),
  root: text('Folder of the store'),
  version: toggle('Print version information and quit', { short: 'v' }),
}

interface Found {
  readonly path: string
  readonly entry: CommandEntry | CommandGroup
  readonly rest: readonly string[]
  readonly groupFlags: Readonly<Record<string, unknown>>
}

/** Runs one command line (without `node` and the script) and resolves with its exit code. Never throws. */
export async function dispatch(argv: readonly string[], surroundings: Surroundings): Promise<number> {
  const { io } = surroundings
  let command: AnyCommand | undefined
  let path = 'mille'
  let isDebugging = Boolean(surroundings.env['MILLE_DEBUG'])
  try {
    const global = parseFlags(globalFlags, argv, { stopAtArgument: true })
    if (global.flags.version) return await printVersion(surroundings)
    const words = global.args[0] === 'help' ? [...global.args.slice(1), '--help'] : global.args
    const found = findCommand(words, global.args[0] === 'help')
    path = found.path
    if ('members' in found.entry) {
      io.stdout.write(groupHelp(path, found.entry))
      return 0
    }
    command = await found.entry.load()
    isDebugging ||= global.flags.debug
    const options: EngineOptions = {
      ...(global.flags.root === undefined ? {} : { root: global.flags.root }),
      insecureRegistries: global.flags['insecure-registry'],
      onWarning: (text) => io.stderr.write(`WARNING: ${text}\n`),
    }
    return await runCommand(command, found, options, { ...surroundings, debug: isDebugging })
  } catch (error) {
    const report = reportError(error, command === undefined ? { path } : { path, command })
    io.stderr.write(report.text)
    if (isDebugging && error instanceof Error) io.stderr.write(`${error.stack}\n`)
    return report.exitCode
  }
}

async function runCommand(
  command: AnyCommand,
  found: Found,
  engineOptions: EngineOptions,
  surroundings: Surroundings & Pick<CommandContext, 'debug'>,
): Promise<number> {
  const { stopAtArgument = false } = command
  const { flags, args, help, given } = parseFlags(command.flags, found.rest, { stopAtArgument })
  if (help) {
    surroundings.io.stdout.write(commandHelp(found.path, command))
    return 0
  }
  checkCount(found.path, command, args.length)
  if (command.isStoreless !== true) await surroundings.prepare?.()
  await using engine = lazyEngine(({ insecureRegistries = [], ...more } = {}) => {
    const insecure = [...(engineOptions.insecureRegistries ?? []), ...insecureRegistries]
    return surroundings.openEngine({ ...engineOptions, ...more, insecureRegistries: insecure })
  })
  const context: CommandContext = {
    ...surroundings,
    engine: engine.open,
    engineOptions,
    path: found.path,
    groupFlags: found.groupFlags,
  }
  return (await command.run({ flags: flags as never, args, given }, context)) ?? 0
}

type OpenLazily = CommandContext['engine']

function lazyEngine(open: OpenLazily): AsyncDisposable & { readonly open: OpenLazily } {
  let engine: Promise<Engine> | undefined
  return {
    open: (more) => (engine ??= open(more)),
    [Symbol.asyncDispose]: async () => {
      const opened = await engine?.catch(() => undefined)
      await opened?.[Symbol.asyncDispose]()
    },
  }
}

function findCommand(words: readonly string[], isHelp: boolean): Found {
  let path = 'mille'
  let group: CommandGroup = commandTable
  let rest = words
  let groupFlags: Found['groupFlags'] = {}
  for (;;) {
    if (group.flags !== undefined) {
      const parsed = parseFlags(group.flags, rest, { stopAtArgument: true })
      groupFlags = parsed.flags
      rest = parsed.help ? [] : parsed.args
    }
    const [word, ...others] = rest
    if (word === undefined || word.startsWith('-')) {
      if (word !== undefined && word !== '--help' && word !== '-h') throw unknownGroupFlag(word)
      return { path, entry: group, rest, groupFlags }
    }
    const entry: CommandEntry | CommandGroup | undefined = Object.hasOwn(group.members, word)
      ? group.members[word]
      : undefined
    if (!entry) throw unknownCommand(path, word, group, isHelp)
    path = `${path} ${word}`
    if (!('members' in entry)) return { path, entry, rest: others, groupFlags }
    group = entry
    rest = others
  }
}

function unknownGroupFlag(flag: string): Error {
  return failure('CLI_FLAG_UNKNOWN', { flag, hint: '' })
}

function unknownCommand(path: string, word: string, group: CommandGroup, isHelp: boolean): Error {
  if (isHelp) return failure('CLI_FAILED', { reason: `unknown help topic: ${word}` })
  const near = suggest(word, Object.keys(group.members))
  const hint = near === undefined ? '' : `\n\nDid you mean this?\n\t${path} ${near}`
  return failure('CLI_COMMAND_UNKNOWN', { command: `${path} ${word}`, hint }, { details: { path } })
}

function checkCount(path: string, command: AnyCommand, count: number): void {
  const [least, most] = command.arguments
  if (count >= least && count <= most) return
  const plural = (n: number): string => `${n} argument${n === 1 ? '' : 's'}`
  let wants = `requires at least ${least} and at most ${plural(most)}`
  if (most === 0) wants = 'accepts no arguments'
  else if (least === most) wants = `requires ${plural(least)}`
  else if (most === Infinity) wants = `requires at least ${plural(least)}`
  else if (least === 0) wants = `requires at most ${plural(most)}`
  const details = least !== most && most === Infinity ? { ask: 'See' } : {}
  throw failure('CLI_ARGUMENT_COUNT', { command: path, wants }, { details })
}

async function printVersion({ io }: Surroundings): Promise<number> {
  const { version } = await import('../util/version.ts')
  io.stdout.write(`mille version ${version}\n`)
  return 0
}
