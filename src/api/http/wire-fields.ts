import { failure } from '../../util/errors.ts'

/** What a field holds: a word for plain values, `[x]` a list, `['map', x]` an object with any keys, else fields. */
type Kind =
  | 'text'
  | 'flag'
  | 'int'
  | 'any'
  /** A list of texts, from older clients one text. */
  | 'words'
  | readonly [Kind]
  | readonly ['map', Kind]
  | WireFields

/** The fields of a JSON object that a client sends, as a constant: its type is read from it. */
export interface WireFields {
  readonly [name: string]: Kind
}

type ValueOf<Wanted> = Wanted extends 'text'
  ? string
  : Wanted extends 'flag'
    ? boolean
    : Wanted extends 'int'
      ? number
      : Wanted extends 'any'
        ? unknown
        : Wanted extends 'words'
          ? readonly string[]
          : Wanted extends readonly ['map', infer Item]
            ? Readonly<Record<string, ValueOf<Item>>>
            : Wanted extends readonly [infer Item]
              ? readonly ValueOf<Item>[]
              : Body<Wanted>

/** An object with the fields `Fields`; absent and null are the same on the wire. */
export type Body<Fields> = { readonly [Name in keyof Fields]?: ValueOf<Fields[Name]> }

/**
 * Takes from a parsed JSON value what `fields` name, by Go's rules: names in any case, null is nothing, other fields are
 * passed over. JSON_INVALID names the first field of a wrong type.
 */
export function readFields<const Fields extends WireFields>(value: unknown, fields: Fields): Body<Fields> {
  return (value === null ? {} : readObject(value, fields, '')) as Body<Fields>
}

function readObject(value: unknown, fields: WireFields, path: string): Record<string, unknown> {
  if (!isObject(value)) throw wrongType(value, path, 'struct')
  const names = new Map(Object.keys(fields).map((name) => [name.toLowerCase(), name]))
  const read: Record<string, unknown> = {}
  for (const [key, item] of Object.entries(value)) {
    const name = Object.hasOwn(fields, key) ? key : names.get(key.toLowerCase())
    const kind = name === undefined ? undefined : fields[name]
    if (name === undefined || kind === undefined || item === null) continue
    read[name] = readValue(item, kind, `${path}.${name}`)
  }
  return read
}

function readValue(value: unknown, kind: Kind, path: string): unknown {
  switch (kind) {
    case 'any':
      return value
    case 'text':
      if (typeof value !== 'string') throw wrongType(value, path, 'string')
      return value
    case 'flag':
      if (typeof value !== 'boolean') throw wrongType(value, path, 'bool')
      return value
    case 'int':
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) throw wrongType(value, path, 'int64')
      return value
    case 'words':
      return typeof value === 'string' ? [value] : readList(value, 'text', path)
  }
  if (isList(kind)) {
    const [first, item] = kind
    return first === 'map' ? readMap(value, item ?? 'any', path) : readList(value, first, path)
  }
  return readObject(value, kind, path)
}

function readList(value: unknown, kind: Kind, path: string): unknown[] {
  if (!Array.isArray(value)) throw wrongType(value, path, '[]string')
  return value.map((item) => readValue(item ?? zeroOf(kind), kind, path))
}

function readMap(value: unknown, kind: Kind, path: string): Readonly<Record<string, unknown>> {
  if (!isObject(value)) throw wrongType(value, path, 'map[string]string')
  // `__proto__` from a client stays a key like any other (C-A4)
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, readValue(item ?? zeroOf(kind), kind, path)]),
  )
}

/** What null stands for within a list or map. */
function zeroOf(kind: Kind): unknown {
  switch (kind) {
    case 'text':
      return ''
    case 'flag':
      return false
    case 'int':
      return 0
    default:
      return kind === 'words' || (isList(kind) && kind[0] !== 'map') ? [] : {}
  }
}

function isList(kind: Kind): kind is readonly [Kind] | readonly ['map', Kind] {
  return Array.isArray(kind)
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** In the words of Go's decoder. */
function wrongType(value: unknown, path: string, wanted: string): Error {
  const found =
    typeof value === 'number' && wanted === 'int64'
      ? `number ${value}`
      : Array.isArray(value)
        ? 'array'
        : typeof value === 'boolean'
          ? 'bool'
          : typeof value
  const where = path === '' ? 'value' : `struct field ${path}`
  return failure('JSON_INVALID', {
    reason: `json: cannot unmarshal ${found} into Go ${where} of type ${wanted}`,
  })
}
