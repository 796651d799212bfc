import type { Heredoc, Position, SourceRange, Word } from './ast.ts'

/** Where a run of a joined line came from. */
export interface Segment {
  /** Offset in the joined text. */
  readonly offset: number
  readonly line: number
  readonly column: number
}

/** One instruction as the lexer leaves it: continuations joined, comments between them gone, heredocs taken off. */
export interface LogicalLine {
  readonly text: string
  readonly segments: readonly Segment[]
  /** All lines, heredoc bodies included. */
  readonly range: SourceRange
  readonly heredocs: readonly Heredoc[]
  /** An empty line stands inside the continuation. */
  readonly hasEmptyLine: boolean
  /** The file ends inside the continuation. */
  readonly isOpen: boolean
  /** A comment that tells mille something (`# mille:unset …`), without its `#`. */
  readonly isDirective?: true
  /** The last comment line above, without `#`. */
  readonly comment?: string
}

/** Place in the source of the character at `offset`. */
function positionAt(line: LogicalLine, offset: number): Position {
  let low = 0
  let high = line.segments.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((line.segments[middle]?.offset ?? 0) <= offset) low = middle
    else high = middle - 1
  }
  const segment = line.segments[low]
  if (segment === undefined) return line.range.start
  return { line: segment.line, column: segment.column + offset - segment.offset }
}

/** Range of `text.slice(from, to)`; an empty one when `to` is not behind `from`. */
export function rangeOf(line: LogicalLine, from: number, to: number): SourceRange {
  const start = positionAt(line, from)
  if (to <= from) return { start, end: start }
  const last = positionAt(line, to - 1)
  return { start, end: { line: last.line, column: last.column + 1 } }
}

/** Range of `length` characters from `offset` in a word; the whole word where it is not as written (JSON escapes). */
export function placeIn({ text, range, breaks = [] }: Word, offset: number, length: number): SourceRange {
  const isPlain = breaks.length > 0 || range.end.column - range.start.column === text.length
  if (!isPlain || offset + length > text.length) return range
  const at = (where: number): Position => {
    const {
      line,
      column,
      offset: from,
    } = breaks.findLast((one) => one.offset <= where) ?? {
      ...range.start,
      offset: 0,
    }
    return { line, column: column + where - from }
  }
  const last = at(offset + Math.max(1, length) - 1)
  return { start: at(offset), end: { line: last.line, column: last.column + 1 } }
}
