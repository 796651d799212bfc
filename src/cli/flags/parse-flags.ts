import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { Flag, FlagTable, FlagValues } from './flag.ts'

export interface ParsedArguments<Table extends FlagTable> {
  readonly flags: FlagValues<Table>
  readonly args: readonly string[]
  readonly help: boolean
  /** Names of flags that were given. */
  readonly given: ReadonlySet<string>
}

/**
 * Reads flags the way Docker's command line does: anywhere between arguments (with `stopAtArgument` only before the
 * first one, as `run` needs), `--name value`, `--name=value`, `-n value`, `-nvalue`, `-n=value`, switches joined (`-it`);
 * `--` ends them. Errors: CLI_FLAG_UNKNOWN, CLI_FLAG_NEEDS_VALUE, CLI_FLAG_INVALID.
 */
export function parseFlags<Table extends FlagTable>(
  table: Table,
  argv: readonly string[],
  options: { readonly stopAtArgument?: boolean } = {},
): ParsedArguments<Table> {
  const values: Record<string, unknown> = Object.fromEntries(
    Object.entries(table).map(([name, flag]) => [name, flag.initial]),
  )
  const shorts = new Map(Object.entries(table).flatMap(([name, { short }]) => (short ? [[short, name]] : [])))
  const given = new Set<string>()
  const args: string[] = []
  const state = { help: false }
  let at = 0

  const set = (name: string, flag: Flag<unknown>, value: string): void => {
    given.add(name)
    try {
      values[name] = flag.accept(values[name], value)
    } catch (cause) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`
      throw failure(
        'CLI_FLAG_INVALID',
        { value, flag: shown, reason: cause instanceof Error ? cause.message : String(cause) },
        { cause },
      )
    }
  }

  const long = (word: string): void => {
    const equals = word.indexOf('=')
    const name = word.slice(2, equals < 0 ? undefined : equals)
    const flag = Object.hasOwn(table, name) ? table[name] : undefined
    if (!flag) {
      if (name === 'help') {
        state.help = true
        return
      }
      throw unknownFlag(`--${name}`, Object.keys(table))
    }
    if (equals >= 0) set(name, flag, word.slice(equals + 1))
    else if (flag.implied === undefined || flag.takes?.(argv[at] ?? '') === true)
      set(name, flag, nextValue(`--${name}`))
    else set(name, flag, flag.implied)
  }

  const nextValue = (shown: string): string => {
    const value = argv[at]
    if (value === undefined) throw failure('CLI_FLAG_NEEDS_VALUE', { flag: shown })
    at += 1
    return value
  }

  const cluster = (word: string): void => {
    let rest = word.slice(1)
    while (rest !== '') {
      const letter = rest.slice(0, 1)
      rest = rest.slice(1)
      const name = shorts.get(letter)
      const flag = name === undefined ? undefined : table[name]
      if (name === undefined || !flag) {
        if (letter === 'h') {
          state.help = true
          return
        }
        throw failure('CLI_SHORT_FLAG_UNKNOWN', { letter, word })
      }
      if (rest.startsWith('=')) {
        set(name, flag, rest.slice(1))
        return
      }
      if (flag.implied !== undefined) set(name, flag, flag.implied)
      else {
        set(name, flag, rest === '' ? nextValue(`'${letter}' in ${word}`) : rest)
        return
      }
    }
  }

  while (at < argv.length && !state.help) {
    const word = argv[at] ?? ''
    at += 1
    if (word === '--') {
      args.push(...argv.slice(at))
      break
    }
    if (word.startsWith('--')) long(word)
    else if (word.startsWith('-') && word !== '-') cluster(word)
    else {
      args.push(word)
      if (options.stopAtArgument) {
        args.push(...argv.slice(at))
        break
      }
    }
  }
  return { flags: values as FlagValues<Table>, args, help: state.help, given }
}

function unknownFlag(flag: string, known: readonly string[]): Error {
  const near = suggest(flag.slice(2), known)
  return failure('CLI_FLAG_UNKNOWN', { flag, hint: near === undefined ? '' : `, did you mean --${near}?` })
}
