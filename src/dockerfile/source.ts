import type { Position, SourceRange } from './ast.ts'
import { limits } from './limits.ts'
import { problemAt } from './problem.ts'
import type { Problem } from './problem.ts'

export interface DecodedSource {
  /** Without BOM. */
  readonly text: string
  readonly problem?: Problem
  /** Some bytes were no UTF-8 and became U+FFFD: harmless in a comment, an error in an instruction. */
  readonly damaged: boolean
}

/** The range of `length` columns from `start`. */
export function columns(start: Position, length: number): SourceRange {
  return { start, end: { line: start.line, column: start.column + length } }
}

/** A range of one line that starts at its first column. */
export function lineRange(line: number, length = 1): SourceRange {
  return { start: { line, column: 1 }, end: { line, column: length + 1 } }
}

/** Bytes of a Dockerfile to text: takes UTF-8 with or without BOM; a UTF-16 or binary file is a problem, not garbage. */
export function decodeSource(source: string | Uint8Array, fileName: string): DecodedSource {
  const refuse = (line: number, message: string, kind: Problem['kind'] = 'encoding'): DecodedSource => ({
    text: '',
    damaged: false,
    problem: problemAt(fileName, lineRange(line), kind, message),
  })
  const size = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength
  if (size > limits.fileBytes) {
    return refuse(1, `file is larger than ${limits.fileBytes} bytes`, 'limit')
  }
  if (typeof source !== 'string' && isUtf16(source)) return refuse(1, 'file is UTF-16; save it as UTF-8')
  const decoded =
    typeof source === 'string' ? source : new TextDecoder('utf-8', { ignoreBOM: true }).decode(source)
  const text = decoded.startsWith('\uFEFF') ? decoded.slice(1) : decoded
  const nul = text.indexOf('\0')
  if (nul >= 0) {
    const before = text.slice(0, nul).split('\n')
    const at = columns({ line: before.length, column: (before.at(-1) ?? '').length + 1 }, 1)
    const message = 'not a text file: it has a NUL byte'
    if (countOf(text, '\n', limits.lines) > limits.lines) {
      return refuse(1, `file has more than ${limits.lines} lines`, 'limit')
    }
    if (countOf(text, '$', limits.dollars) > limits.dollars) {
      return refuse(1, `file has more than ${limits.dollars} variables`, 'limit')
    }
    return { text, damaged: false, problem: problemAt(fileName, at, 'encoding', message) }
  }
  if (countOf(text, '\n', limits.lines) > limits.lines) {
    return refuse(1, `file has more than ${limits.lines} lines`, 'limit')
  }
  if (countOf(text, '$', limits.dollars) > limits.dollars) {
    return refuse(1, `file has more than ${limits.dollars} variables`, 'limit')
  }
  return { text, damaged: typeof source !== 'string' && text.includes('\uFFFD') }
}

/** By its BOM, or by NUL bytes on all even or all odd places of the beginning. */
function isUtf16(bytes: Uint8Array): boolean {
  const [first, second] = bytes
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff)) return true
  const head = bytes.subarray(0, 64)
  if (head.length < 4) return false
  const isNul = (parity: number): boolean => head.every((byte, index) => index % 2 !== parity || byte === 0)
  const isText = (parity: number): boolean => head.every((byte, index) => index % 2 !== parity || byte !== 0)
  return (isNul(0) && isText(1)) || (isNul(1) && isText(0))
}

/** How often `char` is in `text`; counting ends above `enough`. */
export function countOf(text: string, char: string, enough: number): number {
  let count = 0
  for (let at = text.indexOf(char); at >= 0 && count <= enough; at = text.indexOf(char, at + 1)) count++
  return count
}
