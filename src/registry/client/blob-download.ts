import { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { FetchOptions } from '../repository.ts'
import type { Answer } from './exchange.ts'
import { drain, unreachable } from './exchange.ts'
import type { RegistryHost } from './host.ts'
import { backOff, pause } from './retry.ts'
import type { RetryPolicy } from './retry.ts'

export interface DownloadRequest {
  readonly host: RegistryHost
  readonly repository: string
  readonly path: string
  readonly scopes: readonly string[]
  readonly retry: RetryPolicy
}

/** A try that brought this many bytes was worth it: the count of tries starts again. */
const worthwhile = 1024 * 1024

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
  const body = Readable.from(pieces(request, target, first, options), {
    objectMode: false,
    highWaterMark: 262_144,
  })
  // bytes are hashed once: by this stream, or by the caller that said where to begin
  return options.offset === undefined ? verifiedStream(body, target, request.host.name) : body
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

async function* pieces(
  request: DownloadRequest,
  target: Descriptor,
  first: Opened,
  options: FetchOptions,
): AsyncGenerator<Buffer> {
  const { host, retry } = request
  const { signal, onProgress } = options
  let at = options.offset ?? 0
  let opened: Opened | undefined = first
  let tries = 1
  for (;;) {
    const began = at
    let cause: unknown
    try {
      opened ??= await open(request, target, at, options)
      for await (const chunk of skipping(opened)) {
        at += chunk.length
        yield chunk
        onProgress?.({ status: 'Downloading', current: at, total: target.size })
        // the verifier above has seen that there are too many: no more is read
        if (at > target.size) return
      }
      if (at >= target.size) return
      cause = new Error(`the connection ended after ${at} of ${target.size} bytes`)
    } catch (error) {
      signal?.throwIfAborted()
      // an answer that says no is final; a broken connection is not
      if (isMilleError(error) && error.code !== 'REGISTRY_UNREACHABLE') throw error
      cause = error
    }
    opened = undefined
    tries = at - began >= worthwhile ? 1 : tries + 1
    if (tries > retry.attempts) throw isMilleError(cause) ? cause : unreachable(host.name, cause)
    await pause(backOff(retry, tries - 1 || 1), signal)
  }
}

async function* skipping({ body, skip }: Opened): AsyncGenerator<Buffer> {
  let left = skip
  for await (const chunk of body as AsyncIterable<Buffer>) {
    const drop = Math.min(left, chunk.length)
    left -= drop
    if (drop < chunk.length) yield drop === 0 ? chunk : chunk.subarray(drop)
  }
}
