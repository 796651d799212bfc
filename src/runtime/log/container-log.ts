import { watch } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { dirname } from 'node:path'
import { nextData } from '../../linux/seek-data.ts'
import type { OpOptions } from '../../util/progress.ts'
import { cutRecord, lostRecord, NEWLINE, parseLine } from './log-record.ts'
import type { LogRecord, RawRecord } from './log-record.ts'

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

const CHUNK = 256 * 1024
/** A line without newline is handed on in pieces of this size: a process must not fill this one's memory. */
const MAX_LINE = 1024 * 1024

/** Lines of a conmon log, the pieces of a long line joined. What was dropped for the log's limit is left out. */
export async function* readContainerLog(
  path: string,
  options: ContainerLogOptions = {},
): AsyncIterable<LogRecord> {
  const { since, until, tail } = options
  for await (const lines of tail === undefined
    ? readLines(path, 0, options)
    : tailLines(path, tail, options)) {
    for (const line of lines) {
      if (until !== undefined && line.time > until) return
      if (since === undefined || line.time >= since) yield line
    }
  }
}

type ReadOptions = ContainerLogOptions & { readonly end?: number }

/** As many lines at a time as there are: one by one through several generators they would take longer to pass than to read. */
async function* readLines(path: string, from: number, options: ReadOptions): AsyncIterable<LogRecord[]> {
  const join = lineJoiner()
  for await (const records of readRecords(path, from, options)) yield records.flatMap(join.add)
  yield join.rest()
}

function lineJoiner(): { add(record: RawRecord): LogRecord[]; rest(): LogRecord[] } {
  const open = new Map<string, RawRecord & { size: number; parts: Buffer[] }>()
  const whole = (begun: LogRecord, parts: readonly Buffer[]): LogRecord => ({
    stream: begun.stream,
    time: begun.time,
    text: Buffer.concat(parts),
  })
  return {
    add(record) {
      const { stream, text } = record
      const begun = open.get(stream)
      if (begun === undefined && !record.partial) return [record]
      const size = (begun?.size ?? 0) + text.length
      const parts = [...(begun?.parts ?? []), text]
      if (record.partial && size < MAX_LINE) {
        open.set(stream, { ...(begun ?? record), size, parts })
        return []
      }
      open.delete(stream)
      return [whole(begun ?? record, parts)]
    },
    rest: () => [...open.values()].map((begun) => whole(begun, begun.parts)),
  }
}

async function* tailLines(
  path: string,
  tail: number,
  options: ContainerLogOptions,
): AsyncIterable<LogRecord[]> {
  const { from, end } = await findTail(path, tail)
  const last: LogRecord[] = []
  for await (const lines of readLines(path, from, { ...options, follow: false, end })) {
    last.push(...lines)
    last.splice(0, last.length - tail)
  }
  yield last
  if (options.follow === true) yield* readLines(path, end, options)
}

/** An offset from which at least `tail` whole lines follow; one line is at least one record. */
async function findTail(path: string, tail: number): Promise<{ from: number; end: number }> {
  const file = await openLog(path)
  if (file === undefined) return { from: 0, end: 0 }
  await using _ = file
  const { size } = await file.stat()
  const buffer = Buffer.alloc(CHUNK)
  const start = nextData(file.fd, 0, path)
  let full = 0
  for (let end = size; end > start; end -= Math.min(CHUNK, end - start)) {
    const length = Math.min(CHUNK, end - start)
    await file.read(buffer, 0, length, end - length)
    for (let at = length - 1; at >= 0; at -= 1) {
      if (buffer[at] !== NEWLINE) continue
      full += 1
      // partial records make more records than lines: 4 times as many, and at worst fewer lines come
      if (full > tail * 4 + 1) return { from: end - length + at + 1, end: size }
    }
  }
  return { from: start, end: size }
}

async function openLog(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path)
  } catch {
    return undefined
  }
}

/** The records that are there, then, with `follow`, those that come. */
async function* readRecords(path: string, from: number, options: ReadOptions): AsyncIterable<RawRecord[]> {
  const file = await openLog(path)
  if (file === undefined) return
  await using _ = file
  const buffer = Buffer.allocUnsafe(CHUNK)
  let rest: Buffer = Buffer.alloc(0)
  let position = from
  let isInLine = false
  let lastTime = 0n
  // without `follow` what a writer adds meanwhile is not waited for: a fast one would never be caught up with
  const last = options.end ?? (options.follow === true ? Infinity : (await file.stat()).size)
  const bell = options.follow === true ? watchFor(path, options) : undefined
  try {
    for (;;) {
      // asked before reading: what was written before the end is then certain to be read
      const ended =
        options.follow !== true || (options.isEnded?.() ?? false) || options.signal?.aborted === true
      const start = nextData(file.fd, position, path)
      if (start > position) {
        // the oldest part was dropped, up to somewhere in a line
        if (position > from)
          yield [
            lostRecord(
              BigInt(Date.now()) * 1_000_000n,
              'it was dropped for the log’s limit before it was read',
            ),
          ]
        isInLine = true
        rest = Buffer.alloc(0)
        position = start
      }
      const room = Math.max(0, Math.min(CHUNK, last - position))
      const { bytesRead } = await file.read(buffer, 0, room, position)
      position += bytesRead
      if (bytesRead === 0) {
        // what the monitor could not write whole stays so when it is gone
        if (ended && rest.length > 0 && options.isEnded?.() === true) yield [...cutRecord(rest, lastTime)]
        if (ended) return
        await bell?.wait()
        continue
      }
      const data =
        rest.length === 0
          ? Buffer.from(buffer.subarray(0, bytesRead))
          : Buffer.concat([rest, buffer.subarray(0, bytesRead)])
      const records: RawRecord[] = []
      let done = 0
      for (let end = data.indexOf(NEWLINE); end >= 0; end = data.indexOf(NEWLINE, done)) {
        if (!isInLine) records.push(...parseLine(data.subarray(done, end + 1)))
        isInLine = false
        done = end + 1
      }
      rest = data.subarray(done)
      lastTime = records.at(-1)?.time ?? lastTime
      yield records
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
