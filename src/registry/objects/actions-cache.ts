import type { Readable } from 'node:stream'
import { sha256 } from '../../oci/digest.ts'
import type { OpOptions } from '../../util/progress.ts'
import { ObjectRequests, type ObjectAnswer } from './object-requests.ts'
import type { ObjectStore } from './object-store.ts'

export interface ActionsCacheOptions {
  /** `ACTIONS_RESULTS_URL`. */
  readonly url: string
  /** `ACTIONS_RUNTIME_TOKEN`. */
  readonly token: string
  readonly place: string
}

const service = 'twirp/github.actions.results.api.v1.CacheService'
/** Names the form of what is kept; entries of another one are not found. */
const version = sha256('mille cache 1').slice('sha256:'.length)
/** Sent at once; a block can be sent again. */
const blockSize = 16 * 1024 * 1024
/** Of the storage behind the service. */
const storageVersion = '2020-04-08'

interface Entry {
  readonly url: string
  readonly key: string
}

/**
 * The cache of GitHub Actions, version 2: entries are made once and never changed, found by their key or the begin of it.
 * Errors: CACHE_PLACE_DENIED, CACHE_PLACE_FAILED; neither token nor signed URL is in them.
 * Source: GitHub's toolkit, package `cache` (CacheService); Azure Storage REST API, "Put Block", "Put Block List".
 */
export class ActionsCache implements ObjectStore {
  readonly #options: ActionsCacheOptions
  readonly #requests: ObjectRequests

  constructor(options: ActionsCacheOptions) {
    this.#options = options
    this.#requests = new ObjectRequests(options.place)
  }

  async has(key: string, options: OpOptions = {}): Promise<boolean> {
    return (await this.#find(key, [], options))?.key === key
  }

  async get(key: string, options: OpOptions = {}): Promise<Readable | undefined> {
    const entry = await this.#find(key, [], options)
    return entry?.key === key ? await this.#download(entry, options) : undefined
  }

  /** The newest entry whose key begins so. */
  async newest(prefix: string, options: OpOptions = {}): Promise<Readable | undefined> {
    const entry = await this.#find(prefix, [prefix], options)
    return entry?.key.startsWith(prefix) === true ? await this.#download(entry, options) : undefined
  }

  async put(...[key, body, { size }, { signal } = {}]: Parameters<ObjectStore['put']>): Promise<void> {
    const made = await this.#call('CreateCacheEntry', { key, version }, signal)
    // somebody who had the same bytes was first
    if (made === undefined) return void body.destroy()
    const url = made['signed_upload_url'] ?? made['signedUploadUrl']
    if (typeof url !== 'string') throw this.#requests.fail('the service gave no place for an upload')
    await this.#upload(url, body, signal)
    const done = await this.#call(
      'FinalizeCacheEntryUpload',
      { key, version, size_bytes: String(size) },
      signal,
    )
    if (done?.['ok'] !== true) throw this.#requests.fail('the service did not take the upload')
  }

  async #find(key: string, prefixes: readonly string[], { signal }: OpOptions): Promise<Entry | undefined> {
    const asked = { key, restore_keys: prefixes, version }
    const found = await this.#call('GetCacheEntryDownloadURL', asked, signal)
    const url = found?.['signed_download_url'] ?? found?.['signedDownloadUrl']
    const matched = found?.['matched_key'] ?? found?.['matchedKey'] ?? key
    if (found?.['ok'] !== true || typeof url !== 'string' || typeof matched !== 'string') return undefined
    return { url, key: matched }
  }

  async #download({ url }: Entry, { signal }: OpOptions): Promise<Readable> {
    const answer = await this.#requests.send({ method: 'GET', url, signal })
    if (answer.statusCode === 200) return answer.body
    await answer.body.dump()
    throw this.#requests.fail(`the storage answered ${answer.statusCode} to a download`)
  }

  async #upload(url: string, body: Readable, signal: AbortSignal | undefined): Promise<void> {
    const ids: string[] = []
    for await (const block of blocksOf(body)) {
      const id = Buffer.from(String(ids.length).padStart(8, '0')).toString('base64')
      await this.#store(`${url}&comp=block&blockid=${encodeURIComponent(id)}`, block, signal)
      ids.push(id)
    }
    const list = ids.map((id) => `<Latest>${id}</Latest>`).join('')
    const document = `<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`
    await this.#store(`${url}&comp=blocklist`, Buffer.from(document), signal)
  }

  async #store(url: string, body: Buffer, signal: AbortSignal | undefined): Promise<void> {
    const headers = { 'x-ms-version': storageVersion, 'content-type': 'application/octet-stream' }
    const answer = await this.#requests.send({ method: 'PUT', url, headers: () => headers, body, signal })
    await answer.body.dump()
    if (answer.statusCode !== 201)
      throw this.#requests.fail(`the storage answered ${answer.statusCode} to an upload`)
  }

  /** Undefined when an entry of that key is there already. */
  async #call(
    method: string,
    message: object,
    signal: AbortSignal | undefined,
  ): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { url, token } = this.#options
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const answer = await this.#requests.send({
      method: 'POST',
      url: `${url.replace(/\/?$/, '/')}${service}/${method}`,
      headers: () => headers,
      body: Buffer.from(JSON.stringify(message)),
      signal,
    })
    if (answer.statusCode === 409) {
      await answer.body.dump()
      return undefined
    }
    const fields = fieldsOf(await this.#requests.words(answer))
    if (answer.statusCode === 200 && fields !== undefined) return fields
    throw this.#refusal(answer, method, String(fields?.['msg'] ?? ''))
  }

  #refusal({ statusCode }: ObjectAnswer, method: string, words: string): Error {
    const said = words === '' ? '' : `: ${words}`
    if (statusCode === 401 || statusCode === 403)
      return this.#requests.denied(
        `${method} was refused with ${statusCode}${said}; is ACTIONS_RUNTIME_TOKEN this job's?`,
      )
    return this.#requests.fail(`${method} was answered with ${statusCode}${said}`)
  }
}

async function* blocksOf(body: Readable): AsyncGenerator<Buffer> {
  let held: Buffer[] = []
  let size = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    held.push(chunk)
    size += chunk.length
    if (size < blockSize) continue
    yield Buffer.concat(held)
    held = []
    size = 0
  }
  if (size > 0) yield Buffer.concat(held)
}

function fieldsOf(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null
      ? (value as Readonly<Record<string, unknown>>)
      : undefined
  } catch {
    return undefined
  }
}
