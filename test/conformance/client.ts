import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sha256 } from '../../src/oci/digest.ts'
import { startRegistry } from '../support/start-registry.ts'

/** One repository of a registry, spoken to as the specification says and no other way. */
export interface Repository {
  readonly name: string
  readonly url: string
  /** `path` is below `/v2/<name>/`, or a Location as the registry gave it. */
  send(
    method: string,
    path: string,
    body?: Buffer | string,
    headers?: Record<string, string>,
  ): Promise<Response>
  /** Begins an upload; gives its Location. */
  post(): Promise<string>
  pushBlob(bytes: Buffer | string): Promise<string>
  /** PUT of a manifest of this type. */
  put(reference: string, body: string, mediaType: string): Promise<Response>
  other(name: string): Repository
}

/** One check of the specification, on every storage that needs nothing else to run, or on those named. */
export function conforms(
  title: string,
  check: (repository: Repository) => Promise<void>,
  drivers: readonly ('memory' | 'files')[] = ['memory', 'files'],
): void {
  for (const driver of drivers) {
    test(`${title} (${driver})`, async () => {
      await using registry = await startRegistry({ driver })
      await check(openRepository(registry.url, 'conformance/repo1'))
    })
  }
}

function openRepository(url: string, name: string): Repository {
  const send: Repository['send'] = (method, path, body, headers = {}) => {
    const target = new URL(path.startsWith('/') || path.includes('://') ? path : `/v2/${name}/${path}`, url)
    return fetch(target, { method, headers, ...(body !== undefined && { body }) })
  }
  const post = async (): Promise<string> => {
    const opened = await send('POST', 'blobs/uploads/', '', { 'content-length': '0' })
    assert.equal(opened.status, 202)
    return locationOf(opened)
  }
  return {
    name,
    url,
    send,
    post,
    async pushBlob(bytes) {
      const put = await send('PUT', withDigest(await post(), sha256(bytes)), bytes, octets)
      assert.equal(put.status, 201)
      return sha256(bytes)
    },
    put: (reference, body, mediaType) =>
      send('PUT', `manifests/${reference}`, body, { 'content-type': mediaType }),
    other: (another) => openRepository(url, another),
  }
}

export const octets = { 'content-type': 'application/octet-stream' }

export function locationOf(answer: Response): string {
  const location = answer.headers.get('location')
  assert.ok(location)
  return location
}

/** The Location may have parameters of its own, which stay. */
export function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${digest}`
}

/** Codes of an error's body, which must have the specification's form. */
export async function codesOf(answer: Response): Promise<string[]> {
  const { errors } = (await answer.json()) as { errors: { code: string; message: string }[] }
  for (const { code, message } of errors) {
    assert.match(code, /^[A-Z_]+$/)
    assert.equal(typeof message, 'string')
  }
  return errors.map(({ code }) => code)
}
