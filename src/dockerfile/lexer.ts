import type { Heredoc } from './ast.ts'
import { directiveStart } from './comment-directive.ts'
import { findHeredocs } from './heredoc.ts'
import type { HeredocOpening } from './heredoc.ts'
import { limits } from './limits.ts'
import { rangeOf } from './logical-line.ts'
import type { LogicalLine, Segment } from './logical-line.ts'
import type { Reporter } from './reporter.ts'
import { columns, countOf } from './source.ts'

export interface LexOptions {
  readonly escape: string
  readonly reporter: Reporter
  /** See DecodedSource. */
  readonly damaged?: boolean
  /** Index of the first line to read: those before are directives. */
  readonly start?: number
}

/** Lines without their ends (LF or CRLF). */
export function splitLines(source: string): string[] {
  const lines = source.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** Reads instructions: skips comments and blank lines, joins continuations, takes heredoc bodies off. */
export function lexLines(lines: readonly string[], options: LexOptions): LogicalLine[] {
  const { reporter } = options
  const found: LogicalLine[] = []
  let next = options.start ?? 0
  let comment: string | undefined
  let words = 0
  const tooLong = lines.findIndex(
    (line) => line.length > limits.lineBytes / 4 && Buffer.byteLength(line) > limits.lineBytes,
  )
  if (tooLong >= 0) {
    const at = columns({ line: tooLong + 1, column: limits.lineBytes + 1 }, 1)
    reporter.report(at, 'limit', `line is longer than ${limits.lineBytes} bytes`)
    return found
  }
  while (next < lines.length) {
    const text = (lines[next] ?? '').trimStart()
    const directive = directiveStart(lines[next] ?? '')
    if (directive === undefined && (text === '' || text.startsWith('#'))) {
      if (text !== '') comment = text.slice(1).trim()
      next++
      continue
    }
    const { line, after } =
      directive === undefined
        ? readInstruction(lines, next, options)
        : { line: directiveLine(lines[next] ?? '', next, directive), after: next + 1 }
    found.push(comment && directive === undefined ? { ...line, comment } : line)
    comment = undefined
    next = after
    if (!/^(run|cmd|entrypoint)\s/i.test(line.text)) words += countOf(line.text, ' ', limits.words)
    if (words > limits.words) {
      reporter.report(line.range, 'limit', `more than ${limits.words} words in all instructions`)
      return found.slice(0, -1)
    }
    if (found.length > limits.instructions) {
      reporter.report(line.range, 'limit', `more than ${limits.instructions} instructions`)
      return found.slice(0, limits.instructions)
    }
  }
  return found
}

function directiveLine(raw: string, index: number, start: number): LogicalLine {
  const text = raw.slice(start).trimEnd()
  const place = { line: index + 1, column: start + 1 }
  return {
    text,
    segments: [{ offset: 0, ...place }],
    range: columns(place, text.length),
    heredocs: [],
    hasEmptyLine: false,
    isOpen: false,
    isDirective: true,
  }
}

function readInstruction(
  lines: readonly string[],
  first: number,
  options: LexOptions,
): { line: LogicalLine; after: number } {
  const joined = joinContinuations(lines, first, options.escape)
  const { text, segments, hasEmptyLine, isOpen } = joined
  const indent = /^\s*/.exec(lines[first] ?? '')?.[0].length ?? 0
  const end = { line: joined.after, column: (lines[joined.after - 1] ?? '').length + 1 }
  const line: LogicalLine = {
    text,
    segments,
    hasEmptyLine,
    isOpen,
    heredocs: [],
    range: { start: { line: first + 1, column: indent + 1 }, end },
  }
  if (text.length > limits.instructionLength) {
    options.reporter.report(
      line.range,
      'limit',
      `instruction is longer than ${limits.instructionLength} characters`,
    )
    return { line: { ...line, text: text.slice(0, 32) }, after: joined.after }
  }
  reportInnerDirectives(lines, first + 1, joined.after, line, options.reporter)
  const openings = /^(onbuild\s+)*(run|copy|add)\s/i.test(text) ? findHeredocs(text, options.escape) : []
  if (openings.length > limits.heredocs) {
    options.reporter.report(line.range, 'limit', `more than ${limits.heredocs} heredocs in one instruction`)
  }
  const accepted = openings.slice(0, limits.heredocs)
  const { heredocs, after } = readHeredocs(lines, joined.after, accepted, line, options.reporter)
  const last = lines[after - 1] ?? ''
  const whole = { ...line, heredocs, range: { ...line.range, end: { line: after, column: last.length + 1 } } }
  if (options.damaged && `${text}${heredocs.map(({ content }) => content).join('')}`.includes('\uFFFD')) {
    options.reporter.report(whole.range, 'encoding', 'instruction is not valid UTF-8')
  }
  return { line: whole, after }
}

/** Nothing can be applied in the middle of an instruction; passing over it in silence would hide that. */
function reportInnerDirectives(
  lines: readonly string[],
  from: number,
  to: number,
  { range }: LogicalLine,
  reporter: Reporter,
): void {
  for (let index = from; index < to; index++) {
    const raw = lines[index] ?? ''
    const start = directiveStart(raw)
    if (start === undefined) continue
    const at = columns({ line: index + 1, column: start + 1 }, raw.trimEnd().length - start)
    const message = 'a directive for mille cannot stand inside an instruction: put it before or behind'
    reporter.report(at, 'directive', message, { within: range })
  }
}

interface Joined {
  readonly text: string
  readonly segments: readonly Segment[]
  readonly hasEmptyLine: boolean
  readonly isOpen: boolean
  /** Index of the line behind. */
  readonly after: number
}

function joinContinuations(lines: readonly string[], first: number, escape: string): Joined {
  const parts: string[] = []
  const segments: Segment[] = []
  let hasEmptyLine = false
  let length = 0
  let index = first
  let open = true
  for (; open && index < lines.length; index++) {
    const raw = lines[index] ?? ''
    if (index > first && /^\s*#/.test(raw)) continue
    if (index > first && raw.trim() === '') {
      hasEmptyLine = true
      continue
    }
    const indent = index === first ? (/^\s*/.exec(raw)?.[0].length ?? 0) : 0
    const cut = continuationAt(raw, escape)
    open = cut !== undefined
    const part = raw.slice(indent, cut)
    if (part === '' && index > first) continue
    segments.push({ offset: length, line: index + 1, column: indent + 1 })
    parts.push(part)
    length += part.length
  }
  return { text: parts.join('').trimEnd(), segments, hasEmptyLine, isOpen: open, after: index }
}

/** Where the escape character that continues the line stands; a doubled one continues nothing. */
function continuationAt(line: string, escape: string): number | undefined {
  const at = line.trimEnd().length - 1
  return line.charAt(at) === escape && line.charAt(at - 1) !== escape ? at : undefined
}

function readHeredocs(
  lines: readonly string[],
  start: number,
  openings: readonly HeredocOpening[],
  line: LogicalLine,
  reporter: Reporter,
): { heredocs: Heredoc[]; after: number } {
  const heredocs: Heredoc[] = []
  let next = start
  for (const opening of openings) {
    const range = rangeOf(line, opening.offset, opening.offset + opening.length)
    const strip = (text: string): string => (opening.stripTabs ? text.replace(/^\t+/, '') : text)
    let end = next
    while (end < lines.length && strip(lines[end] ?? '') !== opening.name) end++
    const body = lines.slice(next, end).map(strip)
    if (end === lines.length) {
      const message = `unterminated heredoc "${opening.name}" opened here: no line is just ${opening.name}`
      reporter.report(range, 'heredoc', message)
    }
    heredocs.push({
      name: opening.name,
      content: body.map((text) => `${text}\n`).join(''),
      expand: opening.expand,
      stripTabs: opening.stripTabs,
      range,
      bodyLine: next + 1,
    })
    next = Math.min(lines.length, end + 1)
    if (end === lines.length) break
  }
  return { heredocs, after: next }
}
