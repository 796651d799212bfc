import { createHash, hash } from 'node:crypto'
import { constants, readSync, writeSync } from 'node:fs'
import { closeDescriptor, openFlags, resolveFlags, tryOpenat, tryOpenat2 } from '../../linux/openat2.ts'
import { isSameStatus, readStatusWords } from '../../linux/status-words.ts'
import { fromNodeError, systemFailure } from '../../linux/system-failure.ts'
import { hasUserXattrs } from '../../linux/xattr.ts'
import { answerWork } from '../../util/answer-work.ts'
import { failure } from '../../util/errors.ts'
import { readSteps, type FileStep, type StepReader } from './sink-program.ts'
import { sinkStates, type SinkJob } from './thread-sink.ts'

answerWork(async (job: SinkJob) => Promise.resolve(consume(job)))

/** Takes place after place in their order, waiting for each to be filled. */
function consume(job: SinkJob): string {
  const { data, state, placeSize } = job
  const states = new Int32Array(state)
  using output = new Output(job)
  for (let place = 0; ; place = (place + 1) % states.length) {
    Atomics.wait(states, place, sinkStates.free)
    const used = Atomics.load(states, place)
    if (used === sinkStates.end) return output.end()
    readSteps(Buffer.from(data, place * placeSize, used), used, output)
    Atomics.store(states, place, sinkStates.free)
    Atomics.notify(states, place)
  }
}

class Output implements StepReader, Disposable {
  readonly #job: SinkJob
  readonly #digests: Buffer
  readonly #attributes: Uint8Array
  readonly #hash = createHash('sha256')
  readonly #buffer: Buffer
  #used = 0
  #path = ''
  #folder = -1

  constructor(job: SinkJob) {
    this.#job = job
    this.#digests = Buffer.from(job.digests)
    this.#attributes = new Uint8Array(job.attributes)
    this.#buffer = Buffer.allocUnsafeSlow(job.placeSize)
  }

  [Symbol.dispose](): void {
    if (this.#folder >= 0) closeDescriptor(this.#folder)
  }

  bytes(bytes: Buffer): void {
    for (let done = 0; done < bytes.length;) {
      if (this.#used === this.#buffer.length) this.#flush()
      const count = bytes.copy(this.#buffer, this.#used, done)
      this.#used += count
      done += count
    }
  }

  /** `ROOT:PATH`, where ROOT is an open descriptor of this process. */
  folder(text: string): void {
    if (this.#folder >= 0) closeDescriptor(this.#folder)
    const colon = text.indexOf(':')
    this.#path = text.slice(colon + 1)
    const flags = openFlags.path | constants.O_DIRECTORY
    const resolve = resolveFlags.beneath | resolveFlags.noSymlinks
    this.#folder = tryOpenat2(Number(text.slice(0, colon)), this.#path || '.', flags, resolve)
    if (this.#folder < 0) throw openFailure(-this.#folder, this.#path)
  }

  file(step: FileStep): void {
    const path = this.#path === '' ? step.name : `${this.#path}/${step.name}`
    // O_NONBLOCK: what was a file when it was listed may be a fifo now, which would block for ever
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const file = tryOpenat(this.#folder, step.name, flags)
    if (file < 0) throw openFailure(-file, path)
    try {
      const digest = this.#copy(file, step, path)
      // compared with what was seen before the file was opened: covers a change at any moment in between
      if (!readStatusWords(file, '') || !isSameStatus(step.status, 0)) throw changed(path)
      if (step.digest < 0) return
      this.#digests.set(digest, step.digest * 32)
      if (hasUserXattrs(file)) this.#attributes[step.digest] = 1
    } finally {
      closeDescriptor(file)
    }
  }

  end(): string {
    this.#flush()
    return this.#hash.digest('hex')
  }

  /** Straight into the output buffer. The digest is empty when nobody wants it. */
  #copy(file: number, { size, digest }: FileStep, path: string): Uint8Array {
    const isWanted = digest >= 0
    if (this.#buffer.length - this.#used < Math.min(size, this.#buffer.length)) this.#flush()
    if (this.#buffer.length - this.#used >= size) {
      const start = this.#used
      for (let done = 0; done < size;) done += this.#read(file, size - done, path)
      return isWanted ? hash('sha256', this.#buffer.subarray(start, this.#used), 'buffer') : nothing
    }
    const sum = isWanted ? createHash('sha256') : undefined
    for (let done = 0; done < size;) {
      if (this.#used === this.#buffer.length) this.#flush()
      const count = this.#read(file, Math.min(size - done, this.#buffer.length - this.#used), path)
      sum?.update(this.#buffer.subarray(this.#used - count, this.#used))
      done += count
    }
    return sum?.digest() ?? nothing
  }

  #read(file: number, length: number, path: string): number {
    try {
      const count = readSync(file, this.#buffer, this.#used, length, null)
      if (count === 0) throw changed(path)
      this.#used += count
      return count
    } catch (error) {
      throw fromNodeError(error, path)
    }
  }

  #flush(): void {
    const bytes = this.#buffer.subarray(0, this.#used)
    this.#hash.update(bytes)
    try {
      for (let done = 0; done < bytes.length;) done += writeSync(this.#job.file, bytes, done)
    } catch (error) {
      throw fromNodeError(error, this.#job.path)
    }
    this.#used = 0
  }
}

const nothing = new Uint8Array(0)

function changed(path: string): Error {
  return failure('BUILD_CONTEXT_CHANGED', { path })
}

/** Missing, a folder that is none any more, a link that was none before. */
function openFailure(number: number, path: string): Error {
  return number === 2 || number === 20 || number === 40 ? changed(path) : systemFailure('open', number, path)
}
