import { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Descriptor } from '../../oci/descriptor.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { BrokenTries } from '../../util/broken-tries.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { FetchOptions } from '../repository.ts'
import type { Answer } from './exchange.ts'
import { drain, unreachable } from './exchange.ts'
import type { RegistryHost } from './host.ts'
import { backOff, pause } from './retry.ts'
import type { RetryPolicy } from './retry.ts'

/** Bytes a second, over the longest silence that is allowed. */
const slowest = 1024

export interface DownloadRequest {
  readonly host: RegistryHost
  readonly repository: string
  readonly path: string
  readonly scopes: readonly string[]
  readonly retry: RetryPolicy
}

/**
 * Streams the blob, verified. A connection that breaks is resumed with Range from the byte that is next; where the
 * registry sends the whole blob instead, the bytes already passed on are skipped, never appended again (B-PL-1, D10).
 * Rejects before the first byte when the blob cannot be had at all.
 */
export async function downloadBlob(
  request: DownloadRequest,
  target: Descriptor,
  options: FetchOptions,
): Promise<Readable> {
  const start = options.offset ?? 0
  if (start > target.size)
    throw failure('INVALID_ARGUMENT', { reason: `offset ${start} is past ${target.size}` })
  const first = await open(request, target, start, options)
  const body = new ResumedBody(request, target, first, options)
  // bytes are hashed once: by this stream, or by the caller that said where to begin
  return options.offset === undefined ? verifiedStream(body, target, { origin: request.host.name }) : body
}

interface Opened {
  readonly body: Readable
  /** Bytes to drop first: the registry began before the byte that was asked for. */
  readonly skip: number
}

async function open(
  request: DownloadRequest,
  target: Descriptor,
  offset: number,
  options: FetchOptions,
): Promise<Opened> {
  const { host, repository, scopes } = request
  const ranged = offset > 0
  const answer = await host.call(request.path, {
    repository,
    scopes,
    signal: options.signal,
    accept: [404, 416],
    ...(ranged && { headers: { range: `bytes=${offset}-` } }),
  })
  if (answer.status === 404) {
    await drain(answer.body)
    throw failure('BLOB_NOT_FOUND', { digest: `${target.digest} of ${repository} on ${host.name}` })
  }
  checkEncoding(answer, host.name)
  if (answer.status === 206 && ranged) {
    if (rangeStart(answer) === offset) return { body: answer.body, skip: 0 }
  }
  if (answer.status === 200) return { body: answer.body, skip: offset }
  answer.body.destroy()
  if (!ranged)
    throw failure('REGISTRY_ANSWER_INVALID', {
      host: host.name,
      reason: `status ${answer.status} for a blob`,
    })
  // a Range that is answered wrongly is not asked for again
  const whole = await host.call(request.path, { repository, scopes, signal: options.signal })
  checkEncoding(whole, host.name)
  return { body: whole.body, skip: offset }
}

function rangeStart(answer: Answer): number | undefined {
  const start = /^bytes (\d+)-\d+\/(?:\d+|\*)$/.exec(answer.header('content-range') ?? '')?.[1]
  return start === undefined ? undefined : Number(start)
}

function checkEncoding(answer: Answer, host: string): void {
  const encoding = answer.header('content-encoding')
  if (encoding === undefined || encoding === 'identity') return
  answer.body.destroy()
  throw failure('REGISTRY_ANSWER_INVALID', {
    host,
    reason: `a blob with Content-Encoding ${encoding.slice(0, 50)}`,
  })
}

/** The bytes from `options.offset` on, over as many connections as it takes. Chunks go straight from one stream to the next. */
class ResumedBody extends Readable {
  readonly #request: DownloadRequest
  readonly #target: Descriptor
  readonly #options: FetchOptions
  readonly #first: Opened
  #body: Readable
  #at: number
  #begun = false

  constructor(request: DownloadRequest, target: Descriptor, first: Opened, options: FetchOptions) {
    super({ highWaterMark: 262_144 })
    this.#request = request
    this.#target = target
    this.#options = options
    this.#first = first
    this.#body = first.body
    this.#at = options.offset ?? 0
  }

  override _read(): void {
    if (this.#begun) return void this.#body.resume()
    this.#begun = true
    this.#passAllOn().then(
      () => this.push(null),
      (error: unknown) => this.destroy(error as Error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#body.destroy()
    done(error)
  }

  async #passAllOn(): Promise<void> {
    const { host, retry } = this.#request
    const { signal } = this.#options
    const { size } = this.#target
    const tries = new BrokenTries(retry.attempts, this.#at)
    let opened: Opened | undefined = this.#first
    for (;;) {
      let cause: unknown
      try {
        opened ??= await open(this.#request, this.#target, this.#at, this.#options)
        await this.#passOn(opened)
        // too many are for whoever verifies them to complain about
        if (this.#at >= size) return
        cause = new Error(`the connection ended after ${this.#at} of ${size} bytes`)
      } catch (error) {
        signal?.throwIfAborted()
        // an answer that says no is final; a broken connection is not
        if (isMilleError(error) && error.code !== 'REGISTRY_UNREACHABLE') throw error
        cause = error
      }
      // nobody wants the rest
      if (this.destroyed) return
      opened = undefined
      const next = tries.next(this.#at)
      if (next === undefined) throw isMilleError(cause) ? cause : unreachable(host.name, cause)
      await pause(backOff(retry, next), signal)
    }
  }

  /** A server that drips is left like one that is silent: what remains may come faster elsewhere, or from a new start. */
  #watchRate(body: Readable): NodeJS.Timeout {
    const { stall } = this.#request.retry
    const least = (slowest * stall) / 1000
    let before = this.#at
    return setInterval(() => {
      // where the reader is slow, the server is not to blame
      if (this.#at - before < least && !body.isPaused())
        body.destroy(new Error(`less than ${slowest} bytes a second`))
      before = this.#at
    }, stall).unref()
  }

  /** One connection, to its end, or to the first byte too many. */
  async #passOn({ body, skip }: Opened): Promise<void> {
    const { onProgress } = this.#options
    const { size } = this.#target
    let left = skip
    this.#body = body
    body.on('data', (chunk: Buffer) => {
      const drop = Math.min(left, chunk.length)
      left -= drop
      if (drop === chunk.length) return
      this.#at += chunk.length - drop
      if (!this.push(drop === 0 ? chunk : chunk.subarray(drop))) body.pause()
      onProgress?.({ status: 'Downloading', current: this.#at, total: size })
      if (this.#at > size) body.destroy()
    })
    const watch = this.#watchRate(body)
    try {
      await finished(body, { writable: false })
    } catch (error) {
      if (this.#at <= size) throw error
    } finally {
      clearInterval(watch)
    }
  }
}
