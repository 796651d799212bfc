import { failure } from '../../util/errors.ts'

export type Filters = Readonly<Record<string, readonly string[]>>

/** The part of an address after `?`. */
export interface Query {
  /** Empty when it is not there. */
  text(name: string): string
  /** As Docker reads them: everything but nothing, `0`, `no`, `false` and `none` is true. */
  flag(name: string, otherwise?: boolean): boolean
  /** A whole number; undefined when it is not there. INVALID_ARGUMENT names it. */
  whole(name: string): number | undefined
  /** Every value of a name that may stand several times. */
  list(name: string): readonly string[]
  has(name: string): boolean
  /** The JSON of `filters`, in both forms that clients send. INVALID_ARGUMENT. */
  filters(): Filters
}

const falseWords = ['', '0', 'no', 'false', 'none']

export function parseQuery(text: string): Query {
  const values = new URLSearchParams(text)
  const get = (name: string): string => values.get(name) ?? ''
  return {
    text: get,
    has: (name) => values.has(name),
    list: (name) => values.getAll(name),
    flag: (name, otherwise = false) =>
      values.has(name) ? !falseWords.includes(get(name).trim().toLowerCase()) : otherwise,
    whole(name) {
      const value = get(name)
      if (value === '') return undefined
      const number = Number(value)
      if (/^-?\d+$/.test(value) && Number.isSafeInteger(number)) return number
      throw failure('INVALID_ARGUMENT', {
        reason: `invalid value for ${name}: "${value}" is no whole number`,
      })
    },
    filters: () => parseFilters(get('filters')),
  }
}

/** `{"label":["a=b"]}` or, from older clients, `{"label":{"a=b":true}}`. */
function parseFilters(text: string): Filters {
  if (text === '') return {}
  const filters: [string, readonly string[]][] = []
  for (const [name, values] of Object.entries(parseObject(text))) {
    if (Array.isArray(values) && values.every((value) => typeof value === 'string')) {
      filters.push([name, values])
    } else if (isObject(values)) {
      filters.push([name, Object.keys(values).filter((value) => values[value] === true)])
    } else throw invalidFilter()
  }
  return Object.fromEntries(filters)
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw invalidFilter()
  }
  if (!isObject(value)) throw invalidFilter()
  return value
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function invalidFilter(): Error {
  return failure('INVALID_ARGUMENT', { reason: 'invalid filter' })
}
