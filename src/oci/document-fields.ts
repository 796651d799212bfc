import { failure, isMilleError } from '../util/errors.ts'
import { parseStrictJson } from '../util/strict-json.ts'

/** Largest manifest, index or config, bytes. */
export const documentLimit: number = 4 * 1024 * 1024

export type Fields = Readonly<Record<string, unknown>>

/** The JSON object in `bytes`. Throws MANIFEST_TOO_LARGE and MANIFEST_INVALID (reliability C-M5, C-M6, C-M8). */
export function parseDocument(bytes: Uint8Array, what: string): Fields {
  if (bytes.length > documentLimit) {
    throw failure('MANIFEST_TOO_LARGE', { size: bytes.length, limit: documentLimit })
  }
  try {
    return asFields(parseStrictJson(bytes, { maxBytes: documentLimit }), what)
  } catch (error) {
    if (!isMilleError(error, 'JSON_INVALID')) throw error
    throw wrong(what, String(error.details['reason']), error)
  }
}

/** Go programs write an absent list or map as `null`: both mean absent. */
export function present(value: unknown): boolean {
  return value !== undefined && value !== null
}

export function asFields(value: unknown, what: string): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw wrong(what, 'not an object')
  return value as Fields
}

export function asString(value: unknown, what: string): string {
  if (typeof value !== 'string') throw wrong(what, 'not a string')
  return value
}

export function asBoolean(value: unknown, what: string): boolean {
  if (typeof value !== 'boolean') throw wrong(what, 'not true or false')
  return value
}

/** A whole number from 0 that JavaScript holds exactly: no size may be rounded (C-M4). */
export function asSize(value: unknown, what: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw wrong(what, 'not a whole number from 0 to 2^53-1')
  }
  return value
}

export function asList<Item>(
  value: unknown,
  what: string,
  read: (item: unknown, what: string) => Item,
): readonly Item[] {
  if (!Array.isArray(value)) throw wrong(what, 'not a list')
  return value.map((item: unknown, index) => read(item, `${what}[${index}]`))
}

/** A map of strings. Object.fromEntries defines own keys, so that `__proto__` stays a key like any other (C-M9). */
export function asMap<Value>(
  value: unknown,
  what: string,
  read: (item: unknown, what: string) => Value,
): Readonly<Record<string, Value>> {
  const entries = Object.entries(asFields(value, what))
  return Object.fromEntries(entries.map(([key, item]) => [key, read(item, `${what}.${key.slice(0, 100)}`)]))
}

/** `{ [key]: read(fields[key]) }`, or nothing when the field is absent or null. */
export function optional<Key extends string, Value>(
  fields: Fields,
  key: Key,
  what: string,
  read: (value: unknown, what: string) => Value,
): { readonly [K in Key]?: Value } {
  const value = Object.hasOwn(fields, key) ? fields[key] : undefined
  if (!present(value)) return {}
  return { [key]: read(value, `${what}.${key}`) } as { readonly [K in Key]?: Value }
}

export function asStrings(value: unknown, what: string): readonly string[] {
  return asList(value, what, asString)
}

export function asStringMap(value: unknown, what: string): Readonly<Record<string, string>> {
  return asMap(value, what, asString)
}

export function wrong(what: string, reason: string, cause?: unknown): Error {
  return failure('MANIFEST_INVALID', { reason: `${what}: ${reason}` }, { cause })
}
