import { suggest } from '../../util/suggest.ts'
import { failure } from '../../util/errors.ts'

/** Where a value stands: for messages, and for paths that are relative to the file they are written in. */
export interface Place {
  /** `services.web.ports.0` */
  readonly path: string
  readonly source: Source
}

export interface Source {
  readonly file: string
  /** What relative paths in it start from. */
  readonly folder: string
  /** `12:3` of what stands at the path; empty when that is not known. */
  position(path: string): string
  /** Paths whose value replaces all that was said before. */
  readonly cleared: readonly (readonly string[])[]
}

/** Checks a value of a compose file and gives it its long form. Throws COMPOSE_INVALID. */
export interface Shape<Value> {
  read(value: unknown, place: Place): Value
}

export type Mapping = Readonly<Record<string, unknown>>

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

export function invalid(place: Place, reason: string): Error {
  const position = place.source.position(place.path)
  const file = position === '' ? place.source.file : `${place.source.file}:${position}`
  return failure('COMPOSE_INVALID', { file, reason })
}

export function below(place: Place, key: string | number): Place {
  return { ...place, path: place.path === '' ? String(key) : `${place.path}.${key}` }
}

function mustBe(place: Place, what: string): Error {
  return invalid(place, `${place.path} must be ${what}`)
}

/** `convert` throws a plain Error with the reason. */
export function scalar<Value>(what: string, convert: (value: unknown) => Value | undefined): Shape<Value> {
  return {
    read(value, place) {
      let result: Value | undefined
      try {
        result = convert(value)
      } catch (cause) {
        throw invalid(place, `${place.path}: ${cause instanceof Error ? cause.message : String(cause)}`)
      }
      if (result === undefined) throw mustBe(place, what)
      return result
    },
  }
}

export const text: Shape<string> = scalar('a string', (value) =>
  typeof value === 'string' ? value : undefined,
)

/** A value that becomes the text of a variable, label or option. */
export const loose: Shape<string> = scalar('a string, a number or a boolean', (value) => {
  if (value === null) return ''
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : undefined
})

const truths: Readonly<Record<string, boolean>> = {
  true: true,
  y: true,
  yes: true,
  on: true,
  '1': true,
  false: false,
  n: false,
  no: false,
  off: false,
  '0': false,
}

export const toggle: Shape<boolean> = scalar('a boolean', (value) => {
  if (typeof value === 'boolean') return value
  return typeof value === 'string' ? truths[value.toLowerCase()] : undefined
})

export const integer: Shape<number> = scalar('an integer', (value) => {
  if (typeof value === 'number' && Number.isInteger(value)) return value
  return typeof value === 'string' && /^[+-]?\d+$/.test(value) ? Number(value) : undefined
})

export const decimal: Shape<number> = scalar('a number', (value) => {
  if (typeof value === 'number') return value
  return typeof value === 'string' && /^[+-]?(\d+\.?\d*|\.\d+)$/.test(value) ? Number(value) : undefined
})

/** One of the words. */
export function word<const Word extends string>(...words: readonly Word[]): Shape<Word> {
  return scalar(`one of ${words.join(', ')}`, (value) => words.find((known) => known === value))
}

/** Taken as it is. */
export const anything: Shape<unknown> = { read: (value) => value }

export function listOf<Value>(item: Shape<Value>): Shape<readonly Value[]> {
  return {
    read(value, place) {
      if (!Array.isArray(value)) throw mustBe(place, 'a array')
      return value.map((one: unknown, index) => item.read(one, below(place, index)))
    },
  }
}

/** One value stands for a list of it. */
export function listOrOne<Value>(item: Shape<Value>): Shape<readonly Value[]> {
  const list = listOf(item)
  return {
    read: (value, place) => (Array.isArray(value) ? list.read(value, place) : [item.read(value, place)]),
  }
}

/** Each item may stand for several. */
export function flatListOf<Value>(item: Shape<readonly Value[]>): Shape<readonly Value[]> {
  const list = listOf(item)
  return { read: (value, place) => list.read(value, place).flat() }
}

export function mapOf<Value>(item: Shape<Value>): Shape<Readonly<Record<string, Value>>> {
  return {
    read(value, place) {
      if (!isMapping(value)) throw mustBe(place, 'a mapping')
      return Object.fromEntries(
        Object.entries(value).map(([key, one]) => [key, item.read(one, below(place, key))]),
      )
    },
  }
}

/** A mapping, or a list of `KEY=VALUE`; `missing` is what a KEY alone says. */
export function pairs<Missing>(
  missing: Missing,
  separators: RegExp = /=/,
): Shape<Readonly<Record<string, string | Missing>>> {
  return {
    read(value, place) {
      if (isMapping(value)) {
        return Object.fromEntries(
          Object.entries(value).map(([key, one]) => [
            key,
            one === null ? missing : loose.read(one, below(place, key)),
          ]),
        )
      }
      if (!Array.isArray(value)) throw mustBe(place, 'a mapping or a array')
      return Object.fromEntries(
        value.map((one: unknown, index) => {
          const pair = loose.read(one, below(place, index))
          const at = pair.search(separators)
          return at < 0 ? [pair, missing] : [pair.slice(0, at), pair.slice(at + 1)]
        }),
      )
    },
  }
}

export type Fields<Value> = { readonly [Key in keyof Value]-?: Shape<Exclude<Value[Key], undefined>> }

/**
 * A mapping of known keys, in the order of `fields`; `x-…` is kept at the end. A null is an absent field, unless its shape
 * is among `nullable`.
 */
export function record<Value extends object>(
  fields: Fields<Value>,
  options: {
    readonly required?: readonly (keyof Value & string)[]
    readonly nullable?: readonly string[]
  } = {},
): Shape<Value> {
  const known = Object.keys(fields)
  return {
    read(value, place) {
      if (!isMapping(value)) throw mustBe(place, 'a mapping')
      for (const key of Object.keys(value)) if (!Object.hasOwn(fields, key)) checkUnknown(key, known, place)
      const result: Record<string, unknown> = {}
      for (const [key, shape] of Object.entries<Shape<unknown>>(fields)) {
        if (!Object.hasOwn(value, key)) continue
        if (value[key] === null && options.nullable?.includes(key) === true) continue
        result[key] = shape.read(value[key], below(place, key))
      }
      for (const key of options.required ?? []) {
        if (result[key] === undefined) throw invalid(place, `${place.path} missing property '${key}'`)
      }
      for (const key of Object.keys(value)) if (key.startsWith('x-')) result[key] = value[key]
      // checked field by field
      return result as Value
    },
  }
}

function checkUnknown(key: string, known: readonly string[], place: Place): void {
  if (key.startsWith('x-')) return
  const near = suggest(key, known)
  const hint = near === undefined ? '' : `, did you mean ${near}?`
  const where = place.path === '' ? '' : `${place.path} `
  throw invalid(below(place, key), `${where}additional properties '${key}' not allowed${hint}`)
}

/** A short form (anything but a mapping) beside the long one. */
export function shortOr<Value>(
  long: Shape<Value>,
  short: (value: unknown, place: Place) => Value,
): Shape<Value> {
  return { read: (value, place) => (isMapping(value) ? long.read(value, place) : short(value, place)) }
}

/** A null stands for an empty mapping. */
export function orEmpty<Value>(shape: Shape<Value>): Shape<Value> {
  return { read: (value, place) => shape.read(value ?? {}, place) }
}

/** A null is kept. */
export function orNull<Value>(shape: Shape<Value>): Shape<Value | null> {
  return { read: (value, place) => (value === null ? null : shape.read(value, place)) }
}

/** What `read` gives, changed by `then`. */
export function mapped<From, To>(shape: Shape<From>, then: (value: From, place: Place) => To): Shape<To> {
  return { read: (value, place) => then(shape.read(value, place), place) }
}
