import { buffer } from 'node:stream/consumers'
import { ObjectRequests, type ObjectAnswer } from './object-requests.ts'
import type { ObjectStore } from './object-store.ts'
import { emptySha256, signAws, type AwsCredentials } from './sign-aws.ts'

export interface S3Options {
  readonly bucket: string
  readonly region: string
  /** Default: Amazon's of the region. */
  readonly endpoint?: string
  /** The bucket is a part of the path, not of the host's name. */
  readonly pathStyle: boolean
  /** Without them requests are not signed. */
  readonly credentials?: AwsCredentials
  /** Names the place in errors. */
  readonly place: string
}

/** S3 takes no more in one request. */
const largestObject = 5 * 1024 ** 3
/** What is held in memory, so that it can be sent once more. */
const heldBody = 16 * 1024 * 1024

/**
 * A bucket of S3, or of what speaks its protocol. Errors: CACHE_PLACE_DENIED, CACHE_PLACE_FAILED; no credential is in them.
 * Source: Amazon S3 API reference (GetObject, HeadObject, PutObject, error responses).
 */
export class S3Store implements ObjectStore {
  readonly #options: S3Options
  readonly #requests: ObjectRequests

  constructor(options: S3Options) {
    this.#options = options
    this.#requests = new ObjectRequests(options.place)
  }

  async has(key: string, { signal }: Parameters<ObjectStore['has']>[1] = {}): Promise<boolean> {
    const answer = await this.#send('HEAD', key, { signal })
    if (answer.statusCode === 200) return true
    if (answer.statusCode === 404) return false
    throw await this.#failure(answer)
  }

  async get(key: string, { signal }: Parameters<ObjectStore['get']>[1] = {}): ReturnType<ObjectStore['get']> {
    const answer = await this.#send('GET', key, { signal })
    if (answer.statusCode === 200) return answer.body
    const error = await this.#failure(answer)
    if (answer.statusCode === 404 && error === undefined) return undefined
    throw error
  }

  async put(
    ...[key, body, { size, sha256 }, { signal } = {}]: Parameters<ObjectStore['put']>
  ): Promise<void> {
    if (size > largestObject) throw this.#requests.fail(`${key} has ${size} bytes, S3 takes ${largestObject}`)
    const bytes = size <= heldBody ? await buffer(body) : body
    const headers = { 'content-length': String(size) }
    const answer = await this.#send('PUT', key, { signal, sha256, headers, body: bytes })
    if (answer.statusCode !== 200)
      throw (await this.#failure(answer)) ?? this.#requests.fail('the object cannot be put there (404)')
    await answer.body.dump()
  }

  async #send(
    method: 'GET' | 'HEAD' | 'PUT',
    key: string,
    {
      sha256 = emptySha256,
      headers = {},
      ...rest
    }: Partial<Omit<Parameters<ObjectRequests['send']>[0], 'headers'>> & {
      readonly sha256?: string
      readonly headers?: Readonly<Record<string, string>>
    },
  ): Promise<ObjectAnswer> {
    const { region, credentials } = this.#options
    const url = this.#url(key)
    const sign = (): Record<string, string> => {
      if (credentials === undefined) return { ...headers }
      const request = { method, url, sha256, region, time: new Date() }
      return { ...headers, ...signAws(request, credentials) }
    }
    return await this.#requests.send({ ...rest, method, url: url.href, headers: sign })
  }

  #url(key: string): URL {
    const { bucket, region, endpoint = `https://s3.${region}.amazonaws.com`, pathStyle } = this.#options
    const url = new URL(endpoint)
    const path = key.split('/').map(encodePart)
    if (!pathStyle) url.hostname = `${bucket}.${url.hostname}`
    const base = url.pathname.replace(/\/$/, '')
    url.pathname = [base, ...(pathStyle ? [encodePart(bucket)] : []), ...path].join('/')
    return url
  }

  /** Undefined when only the object is missing. */
  async #failure(answer: ObjectAnswer): Promise<Error | undefined> {
    const said = await this.#requests.words(answer)
    const part = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(said)?.[1] ?? ''
    const { statusCode, headers } = answer
    const { bucket, region, credentials } = this.#options
    const code = part('Code')
    const words = part('Message') || `status ${statusCode}`
    if (code === 'NoSuchBucket') return this.#requests.fail(`there is no bucket "${bucket}"`)
    if (statusCode === 404) return undefined
    const elsewhere = headers['x-amz-bucket-region']
    if (typeof elsewhere === 'string' && elsewhere !== region)
      return this.#requests.fail(`the bucket is in region ${elsewhere}, not in ${region}`)
    if (statusCode !== 401 && statusCode !== 403)
      return this.#requests.fail(code === '' ? words : `${code}: ${words}`)
    const hint =
      credentials === undefined
        ? 'no credentials were given: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY'
        : words
    return this.#requests.denied(code === '' ? hint : `${code}: ${hint}`)
  }
}

/** As the signature wants it: everything but letters, digits and `-._~`. */
function encodePart(part: string): string {
  return encodeURIComponent(part).replace(
    /[!'()*]/g,
    (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`,
  )
}
