import { goPrintf } from './go-printf.ts'
import { FormatRow, goJson, isTruthy, printGo } from './go-value.ts'

/** Throws a plain Error with the reason when the arguments do not fit; the evaluator names the function. */
type TemplateFunction = (...values: readonly unknown[]) => unknown

const htmlEscapes: Readonly<Record<string, string>> = {
  '<': '&lt;',
  '>': '&gt;',
  '&': '&amp;',
  '"': '&#34;',
  "'": '&#39;',
}

/** Go's built-in functions and those Docker adds. `and`, `or` and `not` see evaluated values. */
const functions: Readonly<Record<string, TemplateFunction>> = {
  and: (...values) => values.find((value) => !isTruthy(value)) ?? last(values),
  or: (...values) => values.find(isTruthy) ?? last(values),
  not: (value) => !isTruthy(value),
  eq: (first, ...others) => {
    if (others.length === 0) throw new Error('missing argument for comparison')
    return others.some((other) => compare(first, other) === 0)
  },
  ne: (a, b) => compare(a, b) !== 0,
  lt: (a, b) => compare(a, b) < 0,
  le: (a, b) => compare(a, b) <= 0,
  gt: (a, b) => compare(a, b) > 0,
  ge: (a, b) => compare(a, b) >= 0,
  index: (value, ...keys) => keys.reduce(indexOne, value),
  slice: (value, from = 0, to) => {
    if (typeof value !== 'string' && !Array.isArray(value))
      throw new Error(`can't slice item of type ${kindOf(value)}`)
    const size = value.length
    const end = to === undefined ? size : Number(to)
    if (Number(from) < 0 || end > size || Number(from) > end) throw new Error(`index out of range: ${end}`)
    return value.slice(Number(from), end)
  },
  len: (value) => {
    if (typeof value === 'string') return Buffer.byteLength(value)
    if (Array.isArray(value)) return value.length
    if (value !== null && typeof value === 'object') return Object.keys(value).length
    throw new Error(
      `len of ${value === undefined || value === null ? 'nil pointer' : `type ${kindOf(value)}`}`,
    )
  },
  print: (...values) => spaced(values),
  println: (...values) => `${values.map(printGo).join(' ')}\n`,
  printf: (format, ...values) => goPrintf(asText(format), values),
  html: (...values) => spaced(values).replace(/[<>&"']/g, (c) => htmlEscapes[c] ?? c),
  js: (...values) =>
    JSON.stringify(spaced(values))
      .slice(1, -1)
      .replaceAll("'", String.raw`\'`),
  urlquery: (...values) => encodeURIComponent(spaced(values)).replaceAll('%20', '+'),
  json: (value) => goJson(value),
  split: (text, separator) => asText(text).split(asText(separator)),
  join: (values, separator) => {
    if (values === null || values === undefined) return ''
    if (!Array.isArray(values))
      throw new Error(`wrong type for value; expected []string; got ${kindOf(values)}`)
    return values.map(printGo).join(asText(separator))
  },
  title: (text) =>
    asText(text).replace(
      /(^|[^\p{L}\p{N}_'])(\p{L})/gu,
      (_, before: string, letter: string) => before + letter.toUpperCase(),
    ),
  lower: (text) => asText(text).toLowerCase(),
  upper: (text) => asText(text).toUpperCase(),
  pad: (text, before, after) => {
    const shown = asText(text)
    return shown === '' ? '' : ' '.repeat(Number(before)) + shown + ' '.repeat(Number(after))
  },
  truncate: (text, length) => [...asText(text)].slice(0, Number(length)).join(''),
}

export function isTemplateFunction(name: string): boolean {
  return Object.hasOwn(functions, name)
}

/** Calls a function by name; its plain errors come out as they are. */
export function callTemplateFunction(name: string, values: readonly unknown[]): unknown {
  return functions[name]?.(...values)
}

function last(values: readonly unknown[]): unknown {
  return values.at(-1)
}

function asText(value: unknown): string {
  if (typeof value !== 'string')
    throw new Error(`wrong type for value; expected string; got ${kindOf(value)}`)
  return value
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'nil'
  if (typeof value === 'number') return Number.isInteger(value) ? 'int' : 'float64'
  if (typeof value === 'boolean') return 'bool'
  if (typeof value === 'object') return Array.isArray(value) ? '[]string' : 'map[string]interface {}'
  return typeof value
}

/** fmt.Print: a space between two values when neither is a string. */
function spaced(values: readonly unknown[]): string {
  return values
    .map((value, index) => {
      const apart = index > 0 && typeof value !== 'string' && typeof values[index - 1] !== 'string'
      return (apart ? ' ' : '') + printGo(value)
    })
    .join('')
}

function compare(a: unknown, b: unknown): number {
  if (a === b || ((a === null || a === undefined) && (b === null || b === undefined))) return 0
  if (typeof a !== typeof b || typeof a === 'object') throw new Error('incompatible types for comparison')
  return (a as string | number) < (b as string | number) ? -1 : 1
}

function indexOne(value: unknown, key: unknown): unknown {
  if (value === null || value === undefined) throw new Error('index of untyped nil')
  if (Array.isArray(value) || typeof value === 'string') {
    if (typeof key !== 'number') throw new Error(`cannot index slice/array with type ${kindOf(key)}`)
    if (key < 0 || key >= value.length) throw new Error(`index out of range: ${key}`)
    return typeof value === 'string' ? value.charCodeAt(key) : (value as unknown[])[key]
  }
  const fields = value instanceof FormatRow ? value.fields : value
  if (typeof fields !== 'object') throw new Error(`can't index item of type ${kindOf(value)}`)
  if (typeof key !== 'string') throw new Error(`value has type ${kindOf(key)}; should be string`)
  return Object.hasOwn(fields, key) ? (fields as Record<string, unknown>)[key] : undefined
}
