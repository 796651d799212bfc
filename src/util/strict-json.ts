import { failure } from './errors.ts'
import { jsonErrorPlace } from './json-place.ts'

export interface StrictJsonLimits {
  readonly maxBytes: number
  /** Nesting of objects and arrays; default 100. */
  readonly maxDepth?: number
}

/**
 * Parses JSON that has one reading only, the same for every program: UTF-8 without byte order mark, no doubled key, one
 * document. Keys such as `__proto__` stay plain data. Throws JSON_TOO_LARGE and JSON_INVALID.
 * Source: RFC 7493 (I-JSON).
 */
export function parseStrictJson(bytes: Uint8Array, limits: StrictJsonLimits): unknown {
  if (bytes.length > limits.maxBytes) throw failure('JSON_TOO_LARGE', { limit: limits.maxBytes })
  const text = decodeUtf8(bytes)
  checkDepth(text, limits.maxDepth ?? 100)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    // the place alone: V8's message also quotes the document, which may be hostile and long
    const { line, column } = jsonErrorPlace(text)
    throw failure('JSON_INVALID', { reason: `syntax error at line ${line}, column ${column}` }, { cause })
  }
  checkKeys(text)
  return value
}

function decodeUtf8(bytes: Uint8Array): string {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) {
    throw failure('JSON_INVALID', { reason: 'byte order mark' })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw failure('JSON_INVALID', { reason: 'not UTF-8' }, { cause })
  }
}

/** Before parsing: a parser that recurses must not be led down 100,000 levels. */
function checkDepth(text: string, maxDepth: number): void {
  let depth = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"') i = endOfString(text, i)
    else if (char === '[' || char === '{') {
      if (++depth > maxDepth) throw failure('JSON_INVALID', { reason: `nested deeper than ${maxDepth}` })
    } else if (char === ']' || char === '}') depth--
  }
}

/** Of text known to be valid JSON: a string followed by a colon is a key. */
function checkKeys(text: string): void {
  const open: (Set<string> | undefined)[] = []
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '{') open.push(new Set())
    else if (char === '[') open.push(undefined)
    else if (char === '}' || char === ']') open.pop()
    else if (char === '"') {
      const end = endOfString(text, i)
      if (followedByColon(text, end)) addKey(open.at(-1), text.slice(i, end + 1))
      i = end
    }
  }
}

function addKey(keys: Set<string> | undefined, source: string): void {
  // `"a"` and `"\u0061"` are one key
  const key = source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1)
  if (keys?.has(key)) throw failure('JSON_INVALID', { reason: `doubled key "${key.slice(0, 100)}"` })
  keys?.add(key)
}

/** Index of the closing quote of the string that opens at `start`, or the end of the text. */
function endOfString(text: string, start: number): number {
  let end = start + 1
  while (end < text.length && text[end] !== '"') end += text[end] === '\\' ? 2 : 1
  return end
}

function followedByColon(text: string, end: number): boolean {
  let next = end + 1
  while (text[next] === ' ' || text[next] === '\n' || text[next] === '\t' || text[next] === '\r') next++
  return text[next] === ':'
}
