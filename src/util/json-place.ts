export interface TextPlace {
  /** From 1. */
  readonly line: number
  /** From 1, in UTF-16 units. */
  readonly column: number
}

const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y
const word = /true|false|null/y
const escape = /\\(?:["\\/bfnrt]|u[\da-fA-F]{4})/y

/**
 * Where a text that `JSON.parse` refused stops being JSON. V8 tells it for some errors only, and quotes the text for others.
 * Source: RFC 8259.
 */
export function jsonErrorPlace(text: string): TextPlace {
  const lines = text.slice(0, errorOffset(text)).split('\n')
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 }
}

type Wanted = 'value' | 'value or end' | 'key' | 'key or end' | 'colon' | 'comma or end'

function errorOffset(text: string): number {
  const open: ('{' | '[')[] = []
  let wanted: Wanted = 'value'
  for (let index = 0; ;) {
    while (' \t\n\r'.includes(text[index] ?? '.')) index++
    const char = text[index]
    if (char === undefined) return index
    const inside = open.at(-1)
    if (wanted === 'comma or end' && inside === undefined) return index
    if (wanted.endsWith('end') && char === (inside === '{' ? '}' : ']')) {
      open.pop()
      wanted = 'comma or end'
      index++
    } else if (wanted === 'comma or end' || wanted === 'colon') {
      if (char !== (wanted === 'colon' ? ':' : ',')) return index
      wanted = wanted === 'comma or end' && inside === '{' ? 'key' : 'value'
      index++
    } else if (char === '"') {
      const end = endOfString(text, index)
      if (text[end] !== '"') return end
      index = end + 1
      wanted = wanted.startsWith('key') ? 'colon' : 'comma or end'
    } else if (wanted.startsWith('key')) return index
    else if (char === '{' || char === '[') {
      open.push(char)
      wanted = char === '{' ? 'key or end' : 'value or end'
      index++
    } else {
      const length = lengthAt(number, text, index) || lengthAt(word, text, index)
      if (length === 0) return index
      index += length
      wanted = 'comma or end'
    }
  }
}

/** Of the closing quote, or of what does not belong into a string. */
function endOfString(text: string, start: number): number {
  let index = start + 1
  for (; index < text.length;) {
    const char = text[index] ?? ''
    if (char === '"' || char < ' ') break
    const length = char === '\\' ? lengthAt(escape, text, index) : 1
    if (length === 0) break
    index += length
  }
  return index
}

function lengthAt(pattern: RegExp, text: string, index: number): number {
  pattern.lastIndex = index
  return pattern.exec(text)?.[0].length ?? 0
}
