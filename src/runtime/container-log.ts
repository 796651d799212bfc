import { watch } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { OpOptions } from '../util/progress.ts'

/** One write of a container, as conmon logged it: with its newline when it ended in one. */
export interface LogRecord {
  readonly stream: 'stdout' | 'stderr'
  /** Nanoseconds since the epoch. */
  readonly time: bigint
  readonly text: Buffer
}

export interface ContainerLogOptions extends OpOptions {
  /** Goes on until `isEnded` says so. */
  readonly follow?: boolean
  /** Only the last so many lines. */
  readonly tail?: number
  /** Nanoseconds since the epoch. */
  readonly since?: bigint
  readonly until?: bigint
  /** Asked while following at the end of the file; what is in the file then still comes. Default: never. */
  readonly isEnded?: () => boolean
  /** A folder whose changes say that `isEnded` is worth asking. */
  readonly endFolder?: string
}

interface RawRecord extends LogRecord {
  readonly partial: boolean
}

const CHUNK = 256 * 1024
/** A line without newline is handed on in pieces of this size: a process must not fill this one's memory. */
const MAX_LINE = 1024 * 1024
const NEWLINE = 0x0a

/** Lines of a conmon log (`TIME STREAM P|F TEXT`), the pieces of a long line joined. */
export async function* readContainerLog(
  path: string,
  options: ContainerLogOptions = {},
): AsyncIterable<LogRecord> {
  const { since, until, tail } = options
  for await (const line of tail === undefined
    ? joinPartial(readRecords(path, 0, options))
    : tailLines(path, tail, options)) {
    if (until !== undefined && line.time > until) return
    if (since === undefined || line.time >= since) yield line
  }
}

async function* joinPartial(records: AsyncIterable<RawRecord>): AsyncIterable<LogRecord> {
  const open = new Map<string, RawRecord & { size: number; parts: Buffer[] }>()
  for await (const record of records) {
    const { stream } = record
    const begun = open.get(stream)
    const size = (begun?.size ?? 0) + record.text.length
    if (record.partial && size < MAX_LINE) {
      if (begun === undefined) open.set(stream, { ...record, size, parts: [record.text] })
      else open.set(stream, { ...begun, size, parts: [...begun.parts, record.text] })
      continue
    }
    open.delete(stream)
    yield begun === undefined
      ? { stream, time: record.time, text: record.text }
      : { stream, time: begun.time, text: Buffer.concat([...begun.parts, record.text]) }
  }
  for (const { stream, time, parts } of open.values()) yield { stream, time, text: Buffer.concat(parts) }
}

async function* tailLines(
  path: string,
  tail: number,
  options: ContainerLogOptions,
): AsyncIterable<LogRecord> {
  const { from, end } = await findTail(path, tail)
  const last: LogRecord[] = []
  for await (const line of joinPartial(readRecords(path, from, { ...options, follow: false, end }))) {
    last.push(line)
    if (last.length > tail) last.shift()
  }
  yield* last
  if (options.follow === true) yield* joinPartial(readRecords(path, end, options))
}

/** An offset from which at least `tail` whole lines follow; one line is at least one record. */
async function findTail(path: string, tail: number): Promise<{ from: number; end: number }> {
  const file = await openLog(path)
  if (file === undefined) return { from: 0, end: 0 }
  await using _ = file
  const { size } = await file.stat()
  const buffer = Buffer.alloc(CHUNK)
  let full = 0
  for (let end = size; end > 0; end -= Math.min(CHUNK, end)) {
    const length = Math.min(CHUNK, end)
    await file.read(buffer, 0, length, end - length)
    for (let at = length - 1; at >= 0; at -= 1) {
      if (buffer[at] !== NEWLINE) continue
      full += 1
      // partial records make more records than lines: 4 times as many, and at worst fewer lines come
      if (full > tail * 4 + 1) return { from: end - length + at + 1, end: size }
    }
  }
  return { from: 0, end: size }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path)
  } catch {
    return undefined
  }
}

async function* readRecords(
  path: string,
  from: number,
  options: ContainerLogOptions & { readonly end?: number },
): AsyncIterable<RawRecord> {
  const file = await openLog(path)
  if (file === undefined) return
  await using _ = file
  const buffer = Buffer.allocUnsafe(CHUNK)
  let rest: Buffer = Buffer.alloc(0)
  let position = from
  // without `follow` what a writer adds meanwhile is not waited for: a fast one would never be caught up with
  const last = options.end ?? (options.follow === true ? Infinity : (await file.stat()).size)
  const bell = options.follow === true ? watchFor(path, options) : undefined
  try {
    for (;;) {
      // asked before reading: what was written before the end is then certain to be read
      const ended =
        options.follow !== true || (options.isEnded?.() ?? false) || options.signal?.aborted === true
      const room = Math.min(CHUNK, last - position)
      const { bytesRead } = await file.read(buffer, 0, room, position)
      position += bytesRead
      if (bytesRead === 0) {
        if (ended) return
        await bell?.wait()
        continue
      }
      const data =
        rest.length === 0
          ? Buffer.from(buffer.subarray(0, bytesRead))
          : Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      let start = 0
      for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, start)) {
        const record = parseRecord(data.subarray(start, end + 1))
        if (record !== undefined) yield record
        start = end + 1
      }
      rest = data.subarray(start)
    }
  } finally {
    bell?.close()
  }
}

/** Resolves `wait` when the log or the folder of exit files changes, at the latest after a second. */
function watchFor(path: string, options: ContainerLogOptions): { wait(): Promise<void>; close(): void } {
  let rung = false
  let wake: (() => void) | undefined
  const ring = (): void => {
    rung = true
    wake?.()
  }
  const watchers = [path, options.endFolder ?? dirname(path)].flatMap((target) => {
    try {
      return [watch(target, ring).on('error', () => {})]
    } catch {
      // gone with its container: the timer below does
      return []
    }
  })
  options.signal?.addEventListener('abort', ring)
  return {
    async wait() {
      if (!rung) {
        await new Promise<void>((resolve) => {
          const timer = setTimeout(resolve, 1000)
          wake = () => {
            clearTimeout(timer)
            resolve()
          }
        })
      }
      rung = false
      wake = undefined
    },
    close() {
      for (const watcher of watchers) watcher.close()
      options.signal?.removeEventListener('abort', ring)
    },
  }
}

const SPACE = 0x20
const PARTIAL = 0x50

/** A damaged line (disk full in the middle of one) is skipped. */
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

function parseTime(text: string): bigint | undefined {
  const [, second, fraction = '', zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)$/.exec(text) ?? []
  if (second === undefined || zone === undefined) return undefined
  const milliseconds = Date.parse(`${second}${zone}`)
  return Number.isNaN(milliseconds)
    ? undefined
    : BigInt(milliseconds) * 1_000_000n + BigInt(fraction.padEnd(9, '0'))
}
