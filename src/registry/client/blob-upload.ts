import type { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { BrokenTries } from '../../util/broken-tries.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { HandOver, PushOptions } from '../repository.ts'
import type { Answer } from './exchange.ts'
import { drain } from './exchange.ts'
import type { RegistryHost } from './host.ts'
import { backOff, pause } from './retry.ts'
import type { RetryPolicy } from './retry.ts'

export interface UploadRequest {
  readonly host: RegistryHost
  readonly repository: string
  readonly scopes: readonly string[]
  readonly retry: RetryPolicy
  readonly handOver?: HandOver
}

/** An open upload: where the next request goes, and how many bytes the registry has. */
export interface UploadSession {
  readonly location: URL
  readonly offset: number
  /** Fewest bytes of a piece that is not the last one, as the registry wants it; 0 when it does not say. */
  readonly minimum: number
  /** The registry takes a file of its own store instead of bytes. */
  readonly offer?: { readonly instance: string; readonly upload: string }
}

/** A registry on the client's own store names itself in it; the client says by it that the blob's file is there. */
const handOverHeader = 'mille-hand-over'

/** What is left of an upload after its first break is sent in pieces: more than one is never sent twice. */
const chunkSize = 8 * 1024 * 1024

/**
 * Sends a blob: POST, one PATCH that streams it, PUT. The bytes are hashed on their way, so that a damaged source never
 * becomes a blob over there (B-PS-7). With `options.reopen` a cut PATCH goes on from where the registry stands (B-PS-1),
 * in chunks from then on, for registries that forget a piece whose end they did not see. As long as something arrives
 * there is another try; see `BrokenTries`. Source: OCI distribution-spec 1.1, "Pushing a blob in chunks" (D11).
 */
export async function uploadBlob(
  request: UploadRequest,
  expected: Descriptor,
  body: Readable,
  begun: UploadSession | undefined,
  options: PushOptions,
): Promise<void> {
  const { reopen, signal } = options
  let session = begun ?? (await startUpload(request, '', signal))
  const { offer } = session
  if (
    offer !== undefined &&
    (await request.handOver?.(expected.digest, offer.instance, offer.upload)) === true
  ) {
    body.destroy()
    return finish(request, expected, session, signal, { [handOverHeader]: offer.instance })
  }
  const tries = new BrokenTries(request.retry.attempts)
  let part: Part = { source: verifiedStream(body, expected), end: expected.size, sent: 0 }
  let renewed = false
  for (;;) {
    try {
      session = await patch(request, expected, session, part, options)
      if (session.offset === expected.size) break
    } catch (error) {
      part.source.destroy()
      signal?.throwIfAborted()
      const wait = reopen && pauseAfter(error, request.retry, renewed)
      if (wait === undefined) throw error
      renewed ||= isMilleError(error, 'REGISTRY_UNAUTHORIZED')
      await pause(wait, signal)
      session = await resumePoint(request, expected, session, part.sent, signal)
      const next = tries.next(session.offset)
      if (next === undefined) throw error
      await pause(backOff(request.retry, next), signal)
    }
    if (!reopen) throw lost(request.host, request.repository, expected, 'the registry took a part of it')
    part = await openPart(expected, session, reopen)
  }
  await finish(request, expected, session, signal)
}

interface Part {
  readonly source: Readable
  /** The byte behind its last one. */
  readonly end: number
  /** The byte behind the last one that has left. */
  sent: number
}

async function openPart(
  expected: Descriptor,
  { offset, minimum }: UploadSession,
  reopen: NonNullable<PushOptions['reopen']>,
): Promise<Part> {
  // from the start again it is hashed again, and so in one piece
  if (offset === 0) {
    return { source: verifiedStream(await reopen(0, expected.size), expected), end: expected.size, sent: 0 }
  }
  const end = Math.min(offset + Math.max(chunkSize, minimum), expected.size)
  return { source: await reopen(offset, end), end, sent: offset }
}

/** Milliseconds to wait before going on after `error`, beside the growing pauses; undefined when it is final. */
function pauseAfter(error: unknown, retry: RetryPolicy, renewed: boolean): number | undefined {
  if (!isMilleError(error)) return undefined
  switch (error.code) {
    case 'REGISTRY_UNREACHABLE':
    case 'REGISTRY_UPLOAD_LOST':
    case 'REGISTRY_FAILED':
      return 0
    case 'REGISTRY_RATE_LIMITED': {
      const asked = Number(error.details['seconds']) * 1000
      return asked <= retry.maxDelay ? asked : undefined
    }
    case 'REGISTRY_UNAUTHORIZED':
      // a token that ended on the way is renewed, once
      return renewed ? undefined : 0
    default:
      return undefined
  }
}

/** Opens an upload; `query` is empty or a mount. 201 (mounted) is the caller's to see by `undefined`. */
export async function openUpload(
  { host, repository, scopes }: UploadRequest,
  query: string,
  signal: AbortSignal | undefined,
): Promise<UploadSession | undefined> {
  const answer = await host.call(`/v2/${repository}/blobs/uploads/${query}`, {
    method: 'POST',
    repository,
    scopes,
    signal,
    headers: { 'content-length': '0' },
  })
  await drain(answer.body)
  if (answer.status === 201) return undefined
  const minimum = Number(answer.header('oci-chunk-min-length') ?? 0)
  const instance = answer.header(handOverHeader)
  const upload = answer.header('docker-upload-uuid')
  // it becomes the name of a file
  const isOffered = instance !== undefined && upload !== undefined && /^[0-9a-f]{32}$/.test(upload)
  return {
    ...(isOffered && { offer: { instance, upload } }),
    location: await uploadLocation(host, answer),
    offset: 0,
    minimum: Number.isSafeInteger(minimum) ? minimum : 0,
  }
}

async function startUpload(
  request: UploadRequest,
  query: string,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const session = await openUpload(request, query, signal)
  if (!session)
    throw failure('REGISTRY_ANSWER_INVALID', { host: request.host.name, reason: '201 for a new upload' })
  return session
}

/** Our bytes go to the registry itself, or over https to the storage it names; credentials never go along (C-W1). */
async function uploadLocation(host: RegistryHost, answer: Answer): Promise<URL> {
  const origin = await host.origin()
  const text = answer.header('location')
  if (text === undefined || !URL.canParse(text, answer.url.href)) {
    throw failure('REGISTRY_ANSWER_INVALID', { host: host.name, reason: 'an upload without a Location' })
  }
  const location = new URL(text, answer.url)
  const elsewhere = location.origin !== origin.origin
  if (location.username !== '' || (elsewhere && location.protocol !== 'https:')) {
    const reason = 'an upload goes elsewhere only by https'
    throw failure('REGISTRY_REDIRECT_REFUSED', { host: host.name, target: location.host, reason })
  }
  return location
}

async function patch(
  { host, repository, scopes }: UploadRequest,
  expected: Descriptor,
  session: UploadSession,
  part: Part,
  { signal, onProgress }: PushOptions,
): Promise<UploadSession> {
  const { location, offset } = session
  const { source, end } = part
  const length = end - offset
  if (length === 0) {
    // an empty blob, or all bytes are there: the source still has to agree
    for await (const _ of source);
    return session
  }
  source.on('data', (chunk: Buffer) => {
    part.sent += chunk.length
    onProgress?.({ status: 'Pushing', current: part.sent, total: expected.size })
  })
  source.pause()
  const broken: { error?: unknown } = {}
  source.once('error', (error) => (broken.error = error))
  let answer: Answer
  try {
    answer = await host.call(location, {
      method: 'PATCH',
      repository,
      scopes,
      signal,
      accept: [404, 416],
      body: source,
      headers: {
        'content-type': 'application/octet-stream',
        'content-length': String(length),
        ...(offset > 0 && { 'content-range': `${offset}-${end - 1}` }),
      },
    })
  } catch (error) {
    // a cut connection fails the source with its own error; any other one of the source says what is wrong on our side
    const isOurs = broken.error !== undefined && broken.error !== (error as Error).cause
    throw isOurs ? broken.error : error
  }
  await drain(answer.body)
  if (answer.status === 404 || answer.status === 416)
    throw lost(host, repository, expected, `status ${answer.status}`)
  const received = acknowledged(answer)
  if (received !== undefined && received !== end) {
    throw lost(host, repository, expected, `${received} of ${end} bytes arrived`)
  }
  return { ...session, location: await uploadLocation(host, answer), offset: end }
}

/** The `Range: 0-<last byte>` of an upload's state, as a count of bytes. */
function acknowledged(answer: Answer): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]
  return last === undefined ? undefined : Number(last) + 1
}

/** How often the state of an upload is asked for while the registry may still be at what arrived. */
const mostAsked = 5

/**
 * Where to go on: the registry's offset, or a new upload from the start when it has forgotten this one. A registry may
 * notice late that a connection broke, and count what it got only then: far behind `sent` it is asked again.
 */
async function resumePoint(
  request: UploadRequest,
  expected: Descriptor,
  session: UploadSession,
  sent: number,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const { host, repository, scopes, retry } = request
  const { location } = session
  for (let asked = 1; ; asked++) {
    const answer = await host.call(location, { repository, scopes, signal, accept: [400, 404, 405] })
    await drain(answer.body)
    const offset = answer.status < 300 ? (acknowledged(answer) ?? 0) : undefined
    if (offset === undefined || offset > expected.size) return startUpload(request, '', signal)
    if (sent - offset > chunkSize && asked < mostAsked) {
      await pause(backOff(retry, asked), signal)
      continue
    }
    // `Range: 0-0` is one byte to some and none to others
    if (offset <= 1) return startUpload(request, '', signal)
    return { ...session, location: await uploadLocation(host, answer), offset }
  }
}

/** The closing PUT. When its answer is lost, the blob is there or the PUT is sent again (B-PS-2). */
async function finish(
  request: UploadRequest,
  expected: Descriptor,
  { location }: UploadSession,
  signal: AbortSignal | undefined,
  headers: Readonly<Record<string, string>> = {},
): Promise<void> {
  const { host, repository, scopes } = request
  const url = new URL(location)
  url.searchParams.set('digest', expected.digest)
  const answer = await host.call(url, {
    method: 'PUT',
    repository,
    scopes,
    signal,
    accept: [404],
    headers: { 'content-length': '0', 'content-type': 'application/octet-stream', ...headers },
  })
  await drain(answer.body)
  if (answer.status === 404) {
    // a second PUT after a lost answer finds its upload closed: done, if the blob is there
    const head = await host.call(`/v2/${repository}/blobs/${expected.digest}`, {
      method: 'HEAD',
      repository,
      scopes,
      signal,
      accept: [404],
    })
    await drain(head.body)
    if (head.status === 404) throw lost(host, repository, expected, 'the registry forgot the upload')
    return
  }
  const stored = answer.header('docker-content-digest')
  if (stored !== undefined && stored !== expected.digest) {
    throw failure('BLOB_DIGEST_MISMATCH', { expected: expected.digest, found: `${stored} at ${host.name}` })
  }
}

function lost(host: RegistryHost, repository: string, { digest }: Descriptor, reason: string): Error {
  return failure('REGISTRY_UPLOAD_LOST', { host: host.name, repository, digest, reason })
}
