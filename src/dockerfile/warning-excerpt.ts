import { hidePasswords } from '../util/hide-passwords.ts'
import { escapeControl } from '../util/errors.ts'
import type { SourceRange, Warning } from './ast.ts'

const frame = '--------------------\n'
/** More lines of one instruction are not shown. */
const shownLines = 100

/** The lines around a warning as BuildKit prints them: numbers, `>>>` before those of the instruction. */
export function warningExcerpt({ line, within }: Pick<Warning, 'line' | 'within'>, source: string): string {
  const lines = source.split('\n')
  const { first, last } = excerptLines(within, line, lines.length)
  const shown = lines.slice(first - 1, last).map((text, index) => {
    const number = first + index
    const isMarked = number >= within.start.line && number <= within.end.line
    const safe = escapeControl(hidePasswords(text.replace(/\r$/, ''), { sameLength: true }))
    return ` ${String(number).padStart(3)} | ${isMarked ? '>>>' : '   '} ${safe}\n`
  })
  return frame + shown.join('') + frame
}

/** Two lines of context on both sides of one line, one line on both sides of several. */
function excerptLines(within: SourceRange, line: number, count: number): { first: number; last: number } {
  const isOne = within.start.line === within.end.line
  const context = isOne ? 2 : 1
  const isLong = within.end.line - within.start.line >= shownLines
  const start = isLong ? Math.max(within.start.line, line - shownLines) : within.start.line
  const end = isLong ? Math.min(within.end.line, start + shownLines) : within.end.line
  return { first: Math.max(1, start - context), last: Math.min(count, end + context) }
}
