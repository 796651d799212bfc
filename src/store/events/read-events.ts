import { closeSync, fstatSync, mkdirSync, openSync, readSync, statSync, watch, type FSWatcher } from 'node:fs'
import { StringDecoder } from 'node:string_decoder'
import type { EngineEvent, EventSpan } from '../event-log.ts'

interface Files {
  readonly folder: string
  readonly current: string
  readonly previous: string
}

/** Milliseconds between looks where the kernel tells nothing (no watches left). */
const interval = 500

/** Replays from `since`, then follows until `until` or the signal. What is appended after the first event was asked for is not missed. */
export async function* readEvents(
  files: Files,
  { since, until, signal }: EventSpan,
): AsyncGenerator<EngineEvent, void, undefined> {
  mkdirSync(files.folder, { recursive: true, mode: 0o700 })
  using follower = new Follower(files, since !== undefined)
  using waker = watchFolder(files.folder, signal, until)
  const isWanted = ({ time }: EngineEvent): boolean =>
    (since === undefined || time >= since) && (until === undefined || time <= until)
  for (;;) {
    // asked before the look: what was written until then is still read
    const isLast = signal?.aborted === true || (until !== undefined && nowNanos() > until)
    for (const event of follower.news()) if (isWanted(event)) yield event
    if (isLast) return
    await waker.next()
  }
}

const nowNanos = (): bigint => BigInt(Date.now()) * 1_000_000n

/** Reads the current file on from its place, and goes over to the next one when it is put aside. */
class Follower implements Disposable {
  readonly #files: Files
  #past: LineFile | undefined
  #file: LineFile | undefined

  constructor(files: Files, replay: boolean) {
    this.#files = files
    this.#past = replay ? LineFile.open(files.previous) : undefined
    this.#file = LineFile.open(files.current)
    if (!replay) this.#file?.skip()
  }

  *news(): Generator<EngineEvent> {
    if (this.#past !== undefined) {
      // put aside between the two openings: then both are the same file
      if (this.#past.inode !== this.#file?.inode) yield* this.#past.events()
      this.#past[Symbol.dispose]()
      this.#past = undefined
    }
    if (this.#file !== undefined) yield* this.#file.events()
    if (this.#file?.inode === inodeOf(this.#files.current)) return
    // its last lines may have come after the look above
    if (this.#file !== undefined) yield* this.#file.events()
    this.#file?.[Symbol.dispose]()
    this.#file = LineFile.open(this.#files.current)
    if (this.#file !== undefined) yield* this.#file.events()
  }

  [Symbol.dispose](): void {
    this.#past?.[Symbol.dispose]()
    this.#file?.[Symbol.dispose]()
  }
}

class LineFile implements Disposable {
  readonly inode: number
  readonly #descriptor: number
  readonly #decoder = new StringDecoder('utf8')
  #offset = 0
  #rest = ''

  /** Undefined when there is none. */
  static open(path: string): LineFile | undefined {
    try {
      return new LineFile(openSync(path, 'r'))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      return undefined
    }
  }

  private constructor(descriptor: number) {
    this.#descriptor = descriptor
    this.inode = fstatSync(descriptor).ino
  }

  skip(): void {
    this.#offset = fstatSync(this.#descriptor).size
  }

  *events(): Generator<EngineEvent> {
    const chunk = Buffer.alloc(64 * 1024)
    for (;;) {
      const length = readSync(this.#descriptor, chunk, 0, chunk.length, this.#offset)
      if (length === 0) return
      this.#offset += length
      const lines = (this.#rest + this.#decoder.write(chunk.subarray(0, length))).split('\n')
      this.#rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = parseEvent(line)
        if (event !== undefined) yield event
      }
    }
  }

  [Symbol.dispose](): void {
    closeSync(this.#descriptor)
  }
}

/** Undefined for an empty line, and for one that was cut off. */
function parseEvent(line: string): EngineEvent | undefined {
  try {
    const { time, ...event } = JSON.parse(line) as Omit<EngineEvent, 'time'> & { readonly time: string }
    return { ...event, time: BigInt(time) }
  } catch {
    return undefined
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino
}

interface Waker extends Disposable {
  /** Resolves at the next change after the last call of it, at the end of the span, or after a while. */
  next(): Promise<void>
}

function watchFolder(folder: string, signal: AbortSignal | undefined, until: bigint | undefined): Waker {
  let changed = Promise.withResolvers<void>()
  const wake = (): void => changed.resolve()
  const watcher = tryWatch(folder, wake)
  const timer = setInterval(wake, interval)
  const left = until === undefined ? undefined : Math.max(Number((until - nowNanos()) / 1_000_000n) + 1, 1)
  const end = left === undefined || left > 2 ** 31 ? undefined : setTimeout(wake, left)
  signal?.addEventListener('abort', wake)
  return {
    async next() {
      await changed.promise
      changed = Promise.withResolvers<void>()
    },
    [Symbol.dispose]() {
      watcher?.close()
      clearInterval(timer)
      clearTimeout(end)
      signal?.removeEventListener('abort', wake)
    },
  }
}

function tryWatch(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(folder, onChange).on('error', () => {})
  } catch {
    return undefined
  }
}
