import { createHash } from 'node:crypto'
import { lookup as dnsLookup } from 'node:dns'
import type { LookupAddress, LookupOptions } from 'node:dns'
import { createWriteStream, rmSync } from 'node:fs'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { Agent, request } from 'undici'
import type { Dispatcher } from 'undici'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { isLinkLocal, isPrivate } from './link-local.ts'

export interface Download {
  /** The file it was written to. */
  readonly path: string
  readonly size: number
  /** `sha256:…` or as the checksum asked for has it. */
  readonly digest: string
  /** Nanoseconds since the epoch: Last-Modified. */
  readonly mtime?: bigint
}

export interface DownloadOptions {
  readonly signal: AbortSignal
  /** `sha256:…`, `sha384:…`, `sha512:…`: verified before the file counts. */
  readonly checksum?: string
  readonly onProgress?: (current: number, total: number | undefined) => void
}

const maxRedirects = 10
const maxBytes = 16 * 1024 ** 3
const attempts = 3

/**
 * Fetches a http or https URL to `path` (B46, B48). Refuses link-local addresses, also behind a name or a redirect,
 * and a redirect from a public to a private address (C-B6). Errors: ADD_FAILED with the URL, its password hidden.
 */
export async function download(url: string, path: string, options: DownloadOptions): Promise<Download> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await downloadOnce(url, path, options)
    } catch (error) {
      rmSync(path, { force: true })
      if (options.signal.aborted) throw failure('CANCELED', {}, { cause: error })
      if (isMilleError(error)) throw error
      if (attempt < attempts) continue
      const { code, message } = error as NodeJS.ErrnoException
      throw fail(url, code === undefined ? message : `${message} (${code})`, error)
    }
  }
}

function fail(url: string, reason: string, cause?: unknown): Error {
  return failure('ADD_FAILED', { text: `ADD ${hidePasswords(url)}: ${reason}` }, { cause })
}

async function downloadOnce(url: string, path: string, options: DownloadOptions): Promise<Download> {
  const guard = new AddressGuard(url)
  const agent = new Agent({
    connect: { lookup: guard.lookup, timeout: 30_000 },
    headersTimeout: 60_000,
    bodyTimeout: 60_000,
  })
  try {
    const response = await follow(url, agent, guard, options.signal)
    return await save(url, response, path, options)
  } finally {
    await agent.destroy()
  }
}

async function follow(
  first: string,
  dispatcher: Dispatcher,
  guard: AddressGuard,
  signal: AbortSignal,
): Promise<Dispatcher.ResponseData> {
  let url = new URL(first)
  for (let hop = 0; hop <= maxRedirects; hop++) {
    if (url.protocol !== 'http:' && url.protocol !== 'https:') {
      throw fail(first, `redirect to ${url.protocol} is refused`)
    }
    guard.check(url.hostname, hop > 0)
    const headers: Record<string, string> = { 'user-agent': 'mille' }
    // only for the host that the user gave them for
    const own = new URL(first)
    if (own.username !== '' && own.host === url.host) {
      const credentials = `${decodeURIComponent(own.username)}:${decodeURIComponent(own.password)}`
      headers['authorization'] = `Basic ${Buffer.from(credentials).toString('base64')}`
    }
    const target = `${url.origin}${url.pathname}${url.search}`
    const response = await request(target, { dispatcher, headers, signal })
    const location = response.headers['location']
    if (![301, 302, 303, 307, 308].includes(response.statusCode) || typeof location !== 'string')
      return response
    await response.body.dump()
    url = new URL(location, url)
  }
  throw fail(first, `more than ${maxRedirects} redirects`)
}

async function save(
  url: string,
  { statusCode, headers, body }: Dispatcher.ResponseData,
  path: string,
  { signal, checksum, onProgress }: DownloadOptions,
): Promise<Download> {
  if (statusCode >= 500) throw new Error(`the server answered ${statusCode}`)
  if (statusCode !== 200) throw fail(url, `the server answered ${statusCode}`)
  const total = /^\d+$/.test(String(headers['content-length']))
    ? Number(headers['content-length'])
    : undefined
  const algorithm = checksum?.split(':', 1)[0] ?? 'sha256'
  const sum = createHash(algorithm)
  let size = 0
  const counted = async function* (source: Readable): AsyncGenerator<Buffer> {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > maxBytes) throw fail(url, `larger than ${maxBytes} bytes`)
      sum.update(chunk)
      onProgress?.(size, total)
      yield chunk
    }
  }
  await pipeline(body, counted, createWriteStream(path, { flags: 'w', mode: 0o600 }), { signal })
  if (total !== undefined && size !== total) throw new Error(`cut off: ${size} of ${total} bytes came`)
  const digest = `${algorithm}:${sum.digest('hex')}`
  if (checksum !== undefined && checksum !== digest) {
    throw fail(url, `digest mismatch: expected ${checksum}, got ${digest}`)
  }
  const modified = Date.parse(String(headers['last-modified']))
  return { path, size, digest, ...(Number.isNaN(modified) ? {} : { mtime: BigInt(modified) * 1_000_000n }) }
}

type LookupCallback = (
  error: NodeJS.ErrnoException | null,
  address: string | LookupAddress[],
  family?: number,
) => void

/** Looks at the very address that is connected to, so that a name cannot change its answer after the check. */
class AddressGuard {
  readonly #url: string
  #isRedirected = false
  #beganPublic = false

  constructor(url: string) {
    this.#url = url
  }

  readonly lookup = (hostname: string, options: LookupOptions, callback: LookupCallback): void => {
    dnsLookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, [])
      try {
        for (const { address } of addresses) this.#judge(address)
      } catch (refused) {
        return callback(refused as NodeJS.ErrnoException, [])
      }
      const [first] = addresses
      if (options.all === true) callback(null, addresses)
      else callback(null, first?.address ?? '', first?.family)
    })
  }

  /** Before each request: an address written as numbers is never looked up. */
  check(hostname: string, isRedirected: boolean): void {
    this.#isRedirected = isRedirected
    const literal = hostname.replace(/^\[(.*)\]$/, '$1')
    if (isIP(literal) !== 0) this.#judge(literal)
  }

  #judge(address: string): void {
    if (isLinkLocal(address)) throw fail(this.#url, `link-local address ${address} is refused`)
    if (!this.#isRedirected) this.#beganPublic ||= !isPrivate(address)
    else if (this.#beganPublic && isPrivate(address)) {
      throw fail(this.#url, `redirect to the private address ${address} is refused`)
    }
  }
}
