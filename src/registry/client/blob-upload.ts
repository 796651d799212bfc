import type { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { verifiedStream } from '../../oci/verified-stream.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { PushOptions } from '../repository.ts'
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
}

/** An open upload: where the next request goes, and how many bytes the registry has. */
export interface UploadSession {
  readonly location: URL
  readonly offset: number
}

/**
 * Sends a blob: POST, one PATCH that streams it, PUT. The bytes are hashed on their way, so that a damaged source never
 * becomes a blob over there (B-PS-7). With `options.reopen` a cut PATCH goes on from where the registry stands (B-PS-1).
 * Source: OCI distribution-spec 1.1, "Pushing a blob in chunks".
 */
export async function uploadBlob(
  request: UploadRequest,
  expected: Descriptor,
  body: Readable,
  begun: UploadSession | undefined,
  options: PushOptions,
): Promise<void> {
  let session = begun ?? (await startUpload(request, '', options.signal))
  let source = verifiedStream(body, expected)
  for (let attempt = 1; ; attempt++) {
    try {
      session = await patch(request, expected, session, source, options)
      break
    } catch (error) {
      source.destroy()
      options.signal?.throwIfAborted()
      const cut = isMilleError(error, 'REGISTRY_UNREACHABLE', 'REGISTRY_UPLOAD_LOST', 'REGISTRY_FAILED')
      if (!cut || !options.reopen || attempt >= request.retry.attempts) throw error
      await pause(backOff(request.retry, attempt), options.signal)
      session = await resumePoint(request, expected, session, options.signal)
      const rest = await options.reopen(session.offset)
      source = session.offset === 0 ? verifiedStream(rest, expected) : rest
    }
  }
  await finish(request, expected, session, options.signal)
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
  return { location: await uploadLocation(host, answer), offset: 0 }
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
  { location, offset }: UploadSession,
  source: Readable,
  { signal, onProgress }: PushOptions,
): Promise<UploadSession> {
  const length = expected.size - offset
  if (length === 0) {
    // an empty blob, or all bytes are there: the source still has to agree
    for await (const _ of source);
    return { location, offset }
  }
  let sent = offset
  source.on('data', (chunk: Buffer) => {
    sent += chunk.length
    onProgress?.({ status: 'Pushing', current: sent, total: expected.size })
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
        ...(offset > 0 && { 'content-range': `${offset}-${expected.size - 1}` }),
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
  if (received !== undefined && received !== expected.size) {
    throw lost(host, repository, expected, `${received} of ${expected.size} bytes arrived`)
  }
  return { location: await uploadLocation(host, answer), offset: expected.size }
}

/** The `Range: 0-<last byte>` of an upload's state, as a count of bytes. */
function acknowledged(answer: Answer): number | undefined {
  const last = /^(?:bytes=)?0-(\d+)$/.exec(answer.header('range') ?? '')?.[1]
  return last === undefined ? undefined : Number(last) + 1
}

/** Where to go on: the registry's offset, or a new upload from the start when it has forgotten this one. */
async function resumePoint(
  request: UploadRequest,
  expected: Descriptor,
  { location }: UploadSession,
  signal: AbortSignal | undefined,
): Promise<UploadSession> {
  const { host, repository, scopes } = request
  const answer = await host.call(location, { repository, scopes, signal, accept: [400, 404, 405] })
  await drain(answer.body)
  const offset = answer.status < 300 ? (acknowledged(answer) ?? 0) : undefined
  // `Range: 0-0` is one byte to some and none to others; what is past the end is nonsense
  if (offset === undefined || offset <= 1 || offset > expected.size) return startUpload(request, '', signal)
  return { location: await uploadLocation(host, answer), offset }
}

/** The closing PUT. When its answer is lost, the blob is there or the PUT is sent again (B-PS-2). */
async function finish(
  request: UploadRequest,
  expected: Descriptor,
  { location }: UploadSession,
  signal: AbortSignal | undefined,
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
    headers: { 'content-length': '0', 'content-type': 'application/octet-stream' },
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
