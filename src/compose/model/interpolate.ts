export type Lookup = (name: string) => string | undefined

export interface InterpolateOptions {
  readonly lookup: Lookup
  /** A variable without value and default is the empty text. */
  readonly onMissing?: (name: string) => void
}

/** What is wrong with a `$` or was asked for by `:?`; the caller knows where. */
export class InterpolationProblem extends Error {
  readonly isFormat: boolean

  constructor(message: string, isFormat = false) {
    super(message)
    this.isFormat = isFormat
  }
}

const name = /^[A-Za-z_][A-Za-z0-9_]*/

/**
 * `$NAME`, `${NAME}`, `${NAME:-default}`, `${NAME-default}`, `:?error`, `?error`, `:+replacement`, `+replacement`, each with
 * variables inside, and `$$` for a dollar. Throws InterpolationProblem. Source: compose-spec, "Interpolation".
 */
export function interpolate(text: string, options: InterpolateOptions): string {
  let result = ''
  let at = 0
  for (;;) {
    const dollar = text.indexOf('$', at)
    if (dollar < 0) return result + text.slice(at)
    result += text.slice(at, dollar)
    const rest = text.slice(dollar + 1)
    if (rest.startsWith('$')) {
      result += '$'
      at = dollar + 2
    } else if (rest.startsWith('{')) {
      const end = closing(text, dollar + 2)
      if (end < 0) throw new InterpolationProblem(text, true)
      result += expression(text.slice(dollar + 2, end), text, options)
      at = end + 1
    } else {
      const [word] = name.exec(rest) ?? []
      if (word === undefined) throw new InterpolationProblem(text, true)
      result += valueOf(word, options)
      at = dollar + 1 + word.length
    }
  }
}

/** Where the brace that was opened before `from` is closed. */
function closing(text: string, from: number): number {
  let depth = 1
  for (let at = from; at < text.length; at += 1) {
    if (text.startsWith('${', at)) depth += 1
    else if (text[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return -1
}

function valueOf(word: string, { lookup, onMissing }: InterpolateOptions): string {
  const value = lookup(word)
  if (value === undefined) onMissing?.(word)
  return value ?? ''
}

function expression(inside: string, whole: string, options: InterpolateOptions): string {
  const [word] = name.exec(inside) ?? []
  if (word === undefined) throw new InterpolationProblem(whole, true)
  const rest = inside.slice(word.length)
  if (rest === '') return valueOf(word, options)
  const [, colon = '', sign, more = ''] = /^(:?)([-?+])(.*)$/s.exec(rest) ?? []
  const value = options.lookup(word)
  const isGiven = value !== undefined && !(colon === ':' && value === '')
  switch (sign) {
    case '-':
      return isGiven ? value : interpolate(more, options)
    case '+':
      return isGiven ? interpolate(more, options) : ''
    case '?': {
      if (isGiven) return value
      const reason = interpolate(more, options)
      throw new InterpolationProblem(
        `required variable ${word} is missing a value${reason === '' ? '' : `: ${reason}`}`,
      )
    }
    default:
      throw new InterpolationProblem(whole, true)
  }
}
