/** One write of a container, as conmon logged it: with its newline when it ended in one. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr'
  /** Nanoseconds since the epoch. */
  readonly time: bigint
  readonly text: Buffer
}

export interface RawRecord extends LogRecord {
  /** The line goes on in the stream's next record. */
  readonly partial: boolean
}

export const NEWLINE = 0x0a
const SPACE = 0x20
const PARTIAL = 0x50

/**
 * The records of one line of conmon's log, `TIME STREAM P|F TEXT` with its newline. A line that is none is skipped. Two
 * where a write was cut short, for want of space, and the next one came right behind it; what was lost is said between.
 */
export function* parseLine(line: Buffer): Generator<RawRecord> {
  const record = parseRecord(line)
  const next = findNext(record?.text ?? line, record?.time ?? 0n)
  if (next === undefined) {
    if (record !== undefined) yield record
    return
  }
  if (record !== undefined) yield* cut(record, record.text.subarray(0, next.at))
  yield lostRecord(next.time, diskFull)
  yield* parseLine(line.subarray(offsetOf(record?.text ?? line, line) + next.at))
}

/** Of a last line without its newline, when nobody will write the rest. `last`: the time of the one before. */
export function* cutRecord(line: Buffer, last: bigint): Generator<RawRecord> {
  const record = parseRecord(line)
  if (record !== undefined) yield* cut(record, line.subarray(offsetOf(record.text, line)))
  yield lostRecord(record?.time ?? last, diskFull)
}

const diskFull = 'the log could not be written, its disk was full'

function offsetOf(part: Buffer, whole: Buffer): number {
  return part.byteOffset - whole.byteOffset
}

function* cut(record: RawRecord, text: Buffer): Generator<RawRecord> {
  if (text.length > 0) yield { ...record, partial: false, text: Buffer.concat([text, Buffer.of(NEWLINE)]) }
}

/** Stands where lines are missing. */
export function lostRecord(time: bigint, reason: string): RawRecord {
  const text = Buffer.from(`mille: output was lost here: ${reason}\n`)
  return { stream: 'stderr', time, partial: false, text }
}

function parseRecord(line: Buffer): RawRecord | undefined {
  const afterTime = line.indexOf(SPACE)
  const afterStream = line.indexOf(SPACE, afterTime + 1)
  const afterTag = line.indexOf(SPACE, afterStream + 1)
  if (afterTime < 0 || afterStream < 0 || afterTag < 0) return undefined
  const stream = line.toString('latin1', afterTime + 1, afterStream)
  const time = parseTime(line.toString('latin1', 0, afterTime))
  if ((stream !== 'stdout' && stream !== 'stderr') || time === undefined) return undefined
  const partial = line[afterStream + 1] === PARTIAL
  return { stream, time, partial, text: line.subarray(afterTag + 1, partial ? line.length - 1 : line.length) }
}

const header = /(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d)) std(?:out|err) [FP] /

/** A header that is later than the record's own: a process prints a time before the monitor notes the time of that. */
function findNext(text: Buffer, time: bigint): { readonly at: number; readonly time: bigint } | undefined {
  if (!text.includes(' std')) return undefined
  const match = header.exec(text.toString('latin1'))
  const next = parseTime(match?.[1] ?? '')
  return match === null || next === undefined || next < time ? undefined : { at: match.index, time: next }
}

function parseTime(text: string): bigint | undefined {
  const [, second, fraction = '', zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/.exec(text) ?? []
  if (second === undefined || zone === undefined) return undefined
  const milliseconds = Date.parse(`${second}${zone}`)
  return Number.isNaN(milliseconds)
    ? undefined
    : BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}
