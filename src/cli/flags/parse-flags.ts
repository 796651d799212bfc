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
  const reader = new FlagReader(table, argv)
  const args = reader.readAll(options.stopAtArgument === true)
  return { flags: reader.values as FlagValues<Table>, args, help: reader.help, given: reader.given }
}

/** Walks over the words from left to right; a flag takes the word after it where it needs one. */
class FlagReader {
  readonly values: Record<string, unknown>
  readonly given = new Set<string>()
  /** `--help` was met: what follows it is not read. */
  help = false
  readonly #table: FlagTable
  readonly #shorts: ReadonlyMap<string, string>
  readonly #argv: readonly string[]
  #at = 0

  constructor(table: FlagTable, argv: readonly string[]) {
    const flags = Object.entries(table)
    this.values = Object.fromEntries(flags.map(([name, flag]) => [name, flag.initial]))
    this.#shorts = new Map(flags.flatMap(([name, { short }]) => (short ? [[short, name]] : [])))
    this.#table = table
    this.#argv = argv
  }

  /** The words that are no flags. */
  readAll(stopAtArgument: boolean): string[] {
    const args: string[] = []
    while (this.#at < this.#argv.length && !this.help) {
      const word = this.#argv[this.#at] ?? ''
      this.#at += 1
      if (word === '--') break
      if (word.startsWith('--')) this.#readLong(word)
      else if (word.startsWith('-') && word !== '-') this.#readShorts(word)
      else {
        args.push(word)
        if (stopAtArgument) break
      }
    }
    return this.help ? args : [...args, ...this.#argv.slice(this.#at)]
  }

  /** `--name`, `--name=value`, `--name value`. */
  #readLong(word: string): void {
    const equals = word.indexOf('=')
    const name = word.slice(2, equals < 0 ? undefined : equals)
    const flag = Object.hasOwn(this.#table, name) ? this.#table[name] : undefined
    if (!flag) {
      if (name !== 'help') throw unknownFlag(`--${name}`, Object.keys(this.#table))
      this.help = true
    } else if (equals >= 0) this.#set(name, flag, word.slice(equals + 1))
    else if (flag.implied === undefined || flag.takes?.(this.#argv[this.#at] ?? '') === true)
      this.#set(name, flag, this.#nextValue(`--${name}`))
    else this.#set(name, flag, flag.implied)
  }

  /** `-it`, `-n value`, `-nvalue`, `-n=value`. */
  #readShorts(word: string): void {
    for (let at = 1; at < word.length; at += 1) {
      const letter = word.slice(at, at + 1)
      const rest = word.slice(at + 1)
      const name = this.#shorts.get(letter)
      const flag = name === undefined ? undefined : this.#table[name]
      if (name === undefined || !flag) {
        if (letter !== 'h') throw failure('CLI_SHORT_FLAG_UNKNOWN', { letter, word })
        this.help = true
        return
      }
      if (rest.startsWith('=')) return this.#set(name, flag, rest.slice(1))
      if (flag.implied === undefined)
        return this.#set(name, flag, rest === '' ? this.#nextValue(`'${letter}' in ${word}`) : rest)
      this.#set(name, flag, flag.implied)
    }
  }

  #nextValue(shown: string): string {
    const value = this.#argv[this.#at]
    if (value === undefined) throw failure('CLI_FLAG_NEEDS_VALUE', { flag: shown })
    this.#at += 1
    return value
  }

  #set(name: string, flag: Flag<unknown>, value: string): void {
    this.given.add(name)
    try {
      this.values[name] = flag.accept(this.values[name], value)
    } catch (cause) {
      const shown = flag.short ? `-${flag.short}, --${name}` : `--${name}`
      const reason = cause instanceof Error ? cause.message : String(cause)
      throw failure('CLI_FLAG_INVALID', { value, flag: shown, reason }, { cause })
    }
  }
}

function unknownFlag(flag: string, known: readonly string[]): Error {
  const near = suggest(flag.slice(2), known)
  return failure('CLI_FLAG_UNKNOWN', { flag, hint: near === undefined ? '' : `, did you mean --${near}?` })
}
