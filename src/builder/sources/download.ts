import { createHash } from 'node:crypto'
import type { Hash } from 'node:crypto'
import { on } from 'node:events'
import { rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'
import { Agent, EnvHttpProxyAgent, request } from 'undici'
import type { Dispatcher } from 'undici'
import { BrokenTries } from '../../util/broken-tries.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { networkReason } from '../../util/network-reason.ts'
import { AddressGuard } from './address-guard.ts'
import { proxySettings } from '../../util/proxy-settings.ts'
import { hasProxy } from './proxy.ts'

/** What a server says by which the same bytes are known again. */
export interface Validators {
  readonly etag?: string
  readonly lastModified?: string
}

export interface Download extends Validators {
  /** Bytes written. */
  readonly size: number
  /** `sha256:…` */
  readonly digest: string
  /** By the algorithm asked for. */
  readonly checksum: string
  readonly disposition?: string
}

export interface DownloadOptions {
  readonly signal: AbortSignal | undefined
  /** Value of the Authorization header, sent to the host of the URL only. */
  readonly authorization?: string | undefined
  /** Of an earlier download: when it is still the same, nothing is fetched. */
  readonly known?: Validators
  /** `sha256` (default), `sha384`, `sha512`. */
  readonly algorithm?: string
  readonly onProgress?: (current: number, total: number | undefined) => void
}

const maxRedirects = 10
const maxBytes = 16 * 1024 ** 3
/** Tries in a row without progress. */
const attempts = 5
/** Milliseconds before the second try; doubled before each further one that follows a try without progress. */
const firstPause = 200
const longestPause = 10_000
/** Chunks that may wait for the disk. */
const mostUnwritten = 64

/** An answer after which asking again may help. */
class Interrupted extends Error {
  /** Milliseconds that the server asked to wait. */
  readonly pause: number

  constructor(message: string, pause: number = 0) {
    super(message)
    this.pause = pause
  }
}

/**
 * Fetches a http or https URL to the new file `path` (B46, B48); undefined when it is what `known` says. A transfer that
 * was cut goes on where it ended. Refuses what `AddressGuard` refuses, also behind a name or a redirect. The file is
 * removed on failure. Errors: URL_FAILED with the URL, its password hidden; `details.status` when the server refused.
 */
export async function download(
  url: string,
  path: string,
  options: DownloadOptions,
): Promise<Download | undefined> {
  const file = await open(path, 'wx', 0o600)
  try {
    return await new Transfer(url, file, options).run()
  } catch (error) {
    rmSync(path, { force: true })
    if (options.signal?.aborted === true) throw failure('CANCELED', {}, { cause: error })
    throw error
  } finally {
    await file.close()
  }
}

class Transfer {
  readonly #url: string
  readonly #file: FileHandle
  readonly #options: DownloadOptions
  readonly #guard: AddressGuard
  #size = 0
  #hashes: readonly Hash[] = []
  #validators: Validators = {}

  constructor(url: string, file: FileHandle, options: DownloadOptions) {
    this.#url = url
    this.#file = file
    this.#options = options
    this.#guard = new AddressGuard((reason) => this.#fail(reason))
  }

  async run(): Promise<Download | undefined> {
    const tries = new BrokenTries(attempts)
    for (;;) {
      try {
        return await this.#attempt()
      } catch (error) {
        if (this.#options.signal?.aborted === true || isMilleError(error)) throw error
        const next = tries.next(this.#size)
        if (next === undefined) throw this.#fail(networkReason(error), error)
        const pause = Math.min(firstPause * 2 ** (next - 1), longestPause)
        const asked = error instanceof Interrupted ? error.pause : 0
        await delay(Math.max(pause, asked), undefined, this.#options)
      }
    }
  }

  #fail(reason: string, cause?: unknown, details: Readonly<Record<string, unknown>> = {}): Error {
    return failure('URL_FAILED', { url: hidePasswords(this.#url), reason }, { cause, details })
  }

  async #attempt(): Promise<Download | undefined> {
    const dispatcher = hasProxy()
      ? new EnvHttpProxyAgent({ ...proxySettings(), headersTimeout: 60_000, bodyTimeout: 60_000 })
      : new Agent({
          connect: { lookup: this.#guard.lookup, timeout: 30_000 },
          headersTimeout: 60_000,
          bodyTimeout: 60_000,
        })
    try {
      return await this.#receive(await this.#follow(dispatcher))
    } finally {
      await dispatcher.destroy()
    }
  }

  async #follow(dispatcher: Dispatcher): Promise<Dispatcher.ResponseData> {
    const first = new URL(this.#url)
    let url = first
    for (let hop = 0; hop <= maxRedirects; hop++) {
      if (url.protocol !== 'http:' && url.protocol !== 'https:') {
        throw this.#fail(`redirect to ${url.protocol} is refused`)
      }
      this.#guard.check(url.hostname, hop > 0)
      const headers = this.#headers(
        first.origin === url.origin ? authorizationOf(first, this.#options) : undefined,
      )
      const target = `${url.origin}${url.pathname}${url.search}`
      const response = await request(target, { dispatcher, headers, signal: this.#options.signal ?? null })
      const location = response.headers['location']
      if (![301, 302, 303, 307, 308].includes(response.statusCode) || typeof location !== 'string')
        return response
      await response.body.dump()
      url = new URL(location, url)
    }
    throw this.#fail(`more than ${maxRedirects} redirects`)
  }

  #headers(authorization: string | undefined): Record<string, string> {
    const headers: Record<string, string> = { 'user-agent': 'mille', 'accept-encoding': 'identity' }
    if (authorization !== undefined) headers['authorization'] = authorization
    if (this.#size > 0) {
      headers['range'] = `bytes=${this.#size}-`
      headers['if-range'] = strongValidator(this.#validators) ?? ''
      return headers
    }
    const { etag, lastModified } = this.#options.known ?? {}
    if (etag !== undefined) headers['if-none-match'] = etag
    else if (lastModified !== undefined) headers['if-modified-since'] = lastModified
    return headers
  }

  async #receive({ statusCode, headers, body }: Dispatcher.ResponseData): Promise<Download | undefined> {
    if (statusCode === 304 && this.#options.known !== undefined) {
      await body.dump()
      return undefined
    }
    const isRest =
      this.#size > 0 &&
      statusCode === 206 &&
      String(headers['content-range']).startsWith(`bytes ${this.#size}-`)
    if (statusCode !== 200 && !isRest) {
      await body.dump()
      this.#size = 0
      if (
        statusCode >= 500 ||
        statusCode === 408 ||
        statusCode === 429 ||
        statusCode === 206 ||
        statusCode === 416
      ) {
        const seconds = Number(headers['retry-after'])
        const pause = Math.min((Number.isNaN(seconds) ? 0 : seconds) * 1000, longestPause)
        throw new Interrupted(`the server answered ${statusCode}`, pause)
      }
      throw this.#fail(`the server answered ${statusCode}`, undefined, { status: statusCode })
    }
    // listened to at once: a connection that is reset takes along what nobody has taken from its stream
    const chunks = on(body, 'data', { close: ['end'], highWaterMark: mostUnwritten })
    if (!isRest) await this.#restart(headers)
    const length = String(headers['content-length'])
    const total = /^\d+$/.test(length) ? this.#size + Number(length) : undefined
    if (total !== undefined && total > maxBytes) throw this.#fail(`${total} bytes are more than ${maxBytes}`)
    await this.#write(chunks, total)
    const [sum, other] = this.#hashes
    const algorithm = this.#options.algorithm ?? 'sha256'
    const digest = `sha256:${sum?.digest('hex') ?? ''}`
    const disposition = headers['content-disposition']
    return {
      ...this.#validators,
      size: this.#size,
      digest,
      checksum: other === undefined ? digest : `${algorithm}:${other.digest('hex')}`,
      ...(typeof disposition === 'string' ? { disposition } : {}),
    }
  }

  async #restart(headers: Dispatcher.ResponseData['headers']): Promise<void> {
    const { etag, 'last-modified': lastModified } = headers
    await this.#file.truncate(0)
    this.#size = 0
    const { algorithm = 'sha256' } = this.#options
    this.#hashes = (algorithm === 'sha256' ? ['sha256'] : ['sha256', algorithm]).map((name) =>
      createHash(name),
    )
    this.#validators = {
      ...(typeof etag === 'string' ? { etag } : {}),
      ...(typeof lastModified === 'string' ? { lastModified } : {}),
    }
  }

  async #write(chunks: AsyncIterable<Buffer[]>, total: number | undefined): Promise<void> {
    try {
      for await (const [chunk] of chunks as AsyncIterable<[Buffer]>) {
        if (this.#size + chunk.length > maxBytes) throw this.#fail(`larger than ${maxBytes} bytes`)
        for (const hash of this.#hashes) hash.update(chunk)
        await this.#file.writev([chunk], this.#size)
        this.#size += chunk.length
        this.#options.onProgress?.(this.#size, total)
      }
      if (total !== undefined && this.#size !== total) {
        throw new Interrupted(`cut off: ${this.#size} of ${total} bytes came`)
      }
    } catch (error) {
      // nothing tells whether the rest would belong to the same bytes
      if (strongValidator(this.#validators) === undefined) this.#size = 0
      throw error
    }
  }
}

function authorizationOf(url: URL, { authorization }: DownloadOptions): string | undefined {
  if (authorization !== undefined) return authorization
  if (url.username === '' && url.password === '') return undefined
  const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`
  return `Basic ${Buffer.from(credentials).toString('base64')}`
}

/** What If-Range takes: a weak ETag promises too little (RFC 9110, 13.1.5). */
function strongValidator({ etag, lastModified }: Validators): string | undefined {
  return etag !== undefined && !etag.startsWith('W/') ? etag : lastModified
}
