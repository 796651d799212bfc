import { failure, isMilleError, type MilleError } from '../util/errors.ts'
import { limits } from './limits.ts'
import { matchAt } from './match-at.ts'
import { isTooCostly, parseShellPattern, replacePattern, trimPrefix, trimSuffix } from './shell-pattern.ts'

/** Value of a variable; undefined when it is not set (an empty value is set). */
export type Lookup = (name: string) => string | undefined

/**
 * The value of a word: quotes removed, escapes resolved, variables replaced (B09). Forms: `$v ${v} ${v:-w} ${v-w}
 * ${v:+w} ${v+w} ${v:?w} ${v?w} ${v#p} ${v##p} ${v%p} ${v%%p} ${v/p/r} ${v//p/r}`; a variable that is not set is
 * empty. Errors: DOCKERFILE_VARIABLE for bad syntax and `:?` (`details.offset` and `length`: where in `text` it is);
 * DOCKERFILE_LIMIT when the value grows over 1 Mi characters.
 */
export function expandWord(text: string, lookup: Lookup, escape: string): string {
  const isPlain = text.length <= limits.valueLength && !/[$'"]/.test(text) && !text.includes(escape)
  return isPlain ? text : new Expansion(text, lookup, escape).run().value
}

/** Like `expandWord`, and splits at unquoted whitespace, also at whitespace that a variable brings (EXPOSE $PORTS). */
export function expandWords(text: string, lookup: Lookup, escape: string): string[] {
  return new Expansion(text, lookup, escape).run().words
}

/** Variables of a heredoc body for COPY and ADD, as a shell does it: quotes stay, `\$` is a dollar, `\\` a backslash. */
export function expandHeredoc(text: string, lookup: Lookup): string {
  return new Expansion(text, lookup, '\\', { keepQuotes: true }).run().value
}

/** One use of a variable in a word. */
export interface VariableUse {
  readonly name: string
  readonly offset: number
  /** From `$` to the end of the name. */
  readonly length: number
}

/** Every variable `text` names, in order, nested ones included; empty when the syntax is wrong. */
export function findVariables(text: string, escape: string): VariableUse[] {
  return text.includes('$') ? usesIn(text, escape, {}) : []
}

/** `findVariables` of a heredoc body (`expandHeredoc`). */
export function findHeredocVariables(text: string): VariableUse[] {
  return text.includes('$') ? usesIn(text, '\\', { keepQuotes: true }) : []
}

function usesIn(text: string, escape: string, options: ExpansionOptions): VariableUse[] {
  const uses: VariableUse[] = []
  try {
    // Every branch must be walked: the words behind `:-` and `:+` are read whether or not they are taken.
    new Expansion(text, () => '', escape, { ...options, onUse: (use) => uses.push(use) }).run()
  } catch (error) {
    if (isMilleError(error)) return []
    throw error
  }
  return uses
}

/** What is wrong with the quotes and braces of `text`, and where; values are not looked at. */
export function findSyntaxError(
  text: string,
  escape: string,
): { readonly reason: string; readonly offset: number; readonly length: number } | undefined {
  if (!/["'$]/.test(text)) return undefined
  try {
    new Expansion(text, () => '', escape, { onUse: () => {} }).run()
    return undefined
  } catch (error) {
    if (!isMilleError(error)) throw error
    return { reason: error.message, ...placeOfError(error) }
  }
}

/** Where in the text an error of this file is. */
export function placeOfError({ details }: MilleError): { readonly offset: number; readonly length: number } {
  const { offset, length } = details
  return { offset: typeof offset === 'number' ? offset : 0, length: typeof length === 'number' ? length : 0 }
}

interface ExpansionOptions {
  readonly keepQuotes?: boolean
  readonly onUse?: (use: VariableUse) => void
}

/** A variable's name, or one of the shell's own: `$1`, `$@`. */
const variableName = /[A-Za-z_][A-Za-z0-9_]*|[0-9]+|[@*#?$!-]/y
/** Characters that mean nothing anywhere. */
const plain = /[\w.:,=@+-]+/y

class Expansion {
  readonly #text: string
  readonly #lookup: Lookup
  readonly #escape: string
  readonly #options: ExpansionOptions
  #at = 0
  #depth = 0
  #produced = 0

  constructor(text: string, lookup: Lookup, escape: string, options: ExpansionOptions = {}) {
    this.#text = text
    this.#lookup = lookup
    this.#escape = escape
    this.#options = options
  }

  run(): { value: string; words: string[] } {
    const words: string[] = []
    const parts: string[] = []
    let word: string | undefined
    const add = (piece: string, splits: boolean): void => {
      parts.push(piece)
      if (!splits) {
        word = (word ?? '') + piece
        return
      }
      for (const [index, part] of piece.split(/[ \t\r\n]+/).entries()) {
        if (index > 0 && word !== undefined) words.push(word)
        if (index > 0) word = undefined
        if (part !== '') word = (word ?? '') + part
      }
    }
    while (this.#at < this.#text.length) {
      const char = this.#peek()
      const splits = char === '$' || /\s/.test(char)
      add(this.#piece(false), splits)
    }
    if (word !== undefined) words.push(word)
    return { value: parts.join(''), words }
  }

  #peek(): string {
    return this.#text.charAt(this.#at)
  }

  #fail(reason: string, offset: number): never {
    const end = this.#at + (this.#peek() === '}' ? 1 : 0)
    const length = Math.max(1, Math.min(end, this.#text.length) - offset)
    throw failure('DOCKERFILE_VARIABLE', { reason }, { details: { offset, length } })
  }

  /** Bounds every value as it grows, nested ones included. */
  #count(value: string): string {
    this.#produced += value.length
    return this.#produced > limits.valueLength ? this.#tooLong() : value
  }

  #tooLong(): never {
    throw failure('DOCKERFILE_LIMIT', { reason: `value is longer than ${limits.valueLength} characters` })
  }

  /** One quoted string, variable, escape, character, or all up to the next one with a meaning. `raw` keeps escapes, for patterns. */
  #piece(raw: boolean): string {
    const text = matchAt(plain, this.#text, this.#at)
    this.#at += text.length
    if (text !== '') return this.#count(text)
    const char = this.#peek()
    if (char === '$') return this.#count(this.#dollar())
    if (!this.#options.keepQuotes && char === "'") return this.#count(this.#singleQuoted())
    if (!this.#options.keepQuotes && char === '"') return this.#count(this.#doubleQuoted(raw))
    this.#at++
    if (char !== this.#escape || this.#at >= this.#text.length) return this.#count(char)
    const next = this.#peek()
    const isPlain = this.#options.keepQuotes === true && next !== '$' && next !== this.#escape
    if (isPlain) return this.#count(char)
    this.#at++
    return this.#count(raw ? char + next : next)
  }

  #singleQuoted(): string {
    const start = this.#at
    const end = this.#text.indexOf("'", start + 1)
    if (end < 0) this.#fail("missing closing quote (')", start)
    this.#at = end + 1
    return this.#text.slice(start + 1, end)
  }

  #doubleQuoted(raw: boolean): string {
    const start = this.#at++
    const parts: string[] = []
    for (;;) {
      if (this.#at >= this.#text.length) this.#fail('missing closing quote (")', start)
      const char = this.#peek()
      if (char === '$') {
        parts.push(this.#dollar())
        continue
      }
      this.#at++
      if (char === '"') return parts.join('')
      const next = this.#peek()
      if (char === this.#escape && (next === '"' || next === '$' || next === this.#escape)) {
        this.#at++
        parts.push(raw ? char + next : next)
      } else parts.push(char)
    }
  }

  #dollar(): string {
    const start = this.#at++
    if (this.#peek() === '{') return this.#braced(start)
    const name = this.#name()
    if (name === '') return '$'
    this.#options.onUse?.({ name, offset: start, length: this.#at - start })
    return this.#lookup(name) ?? ''
  }

  #name(): string {
    const found = matchAt(variableName, this.#text, this.#at)
    this.#at += found.length
    return found
  }

  #braced(start: number): string {
    if (++this.#depth > limits.nesting) {
      throw failure('DOCKERFILE_LIMIT', { reason: `variables nested deeper than ${limits.nesting}` })
    }
    this.#at++
    const name = this.#name()
    if (name === '') {
      const what = this.#at >= this.#text.length ? 'missing } after ${' : 'no variable name after ${'
      this.#fail(what, start)
    }
    this.#options.onUse?.({ name, offset: start, length: this.#at - start })
    const colon = this.#peek() === ':'
    if (colon) this.#at++
    const operator = this.#peek()
    const value = this.#substitute(name, operator, colon, start)
    if (this.#peek() !== '}') this.#fail(`missing } of \${${name}`, start)
    this.#at++
    this.#depth--
    return value
  }

  #substitute(name: string, operator: string, colon: boolean, start: number): string {
    const value = this.#lookup(name)
    const isSet = value !== undefined && (!colon || value !== '')
    if (operator === '}' && !colon) return value ?? ''
    if (operator === '') return ''
    this.#at++
    if (operator === '-' || operator === '+' || operator === '?') {
      const word = this.#until('}', false)
      if (operator === '-') return isSet ? value : word
      if (operator === '+') return isSet ? word : ''
      if (isSet || this.#peek() !== '}' || this.#options.onUse !== undefined) return value ?? ''
      return this.#fail(`${name}: ${word === '' ? `is not set${colon ? ' or empty' : ''}` : word}`, start)
    }
    if (colon || !'#%/'.includes(operator)) {
      return this.#fail(`unsupported modifier "${colon ? ':' : ''}${operator}" in \${${name}}`, start)
    }
    return this.#editValue(value ?? '', operator, name, start)
  }

  #editValue(value: string, operator: string, name: string, start: number): string {
    const doubled = this.#peek() === operator
    if (doubled) this.#at++
    const pattern = parseShellPattern(this.#until(operator === '/' ? '/' : '}', true), this.#escape)
    if (isTooCostly(pattern, value)) {
      throw failure('DOCKERFILE_LIMIT', { reason: `pattern in \${${name}} is too long for its value` })
    }
    if (operator === '#') return trimPrefix(value, pattern, doubled)
    if (operator === '%') return trimSuffix(value, pattern, doubled)
    if (this.#peek() !== '/') this.#fail(`missing / of \${${name}/pattern/replacement}`, start)
    this.#at++
    // escapes stay in the replacement, as BuildKit has it
    const replaced = replacePattern(value, pattern, this.#until('}', true), doubled)
    return replaced ?? this.#tooLong()
  }

  /** The expanded text up to `stop`, which stays unread; to the end when there is none. */
  #until(stop: string, raw: boolean): string {
    const parts: string[] = []
    while (this.#at < this.#text.length && this.#peek() !== stop) parts.push(this.#piece(raw))
    return parts.join('')
  }
}
