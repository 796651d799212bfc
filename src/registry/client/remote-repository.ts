import { Readable } from 'node:stream'
import type { Descriptor } from '../../oci/descriptor.ts'
import { isDigest, sha256 } from '../../oci/digest.ts'
import type { Digest } from '../../oci/digest.ts'
import { documentLimit } from '../../oci/document-fields.ts'
import { isIndexType, isManifestType, mediaTypes } from '../../oci/media-types.ts'
import type { Index, ManifestDocument } from '../../oci/manifest.ts'
import { parseManifestDocument } from '../../oci/parse-manifest.ts'
import { referrerOf, referrersTag, withReferrer } from '../../oci/referrer.ts'
import type { Reference } from '../../oci/reference.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { FetchOptions, HandOver, PushOptions, Repository } from '../repository.ts'
import { downloadBlob } from './blob-download.ts'
import type { UploadRequest, UploadSession } from './blob-upload.ts'
import { openUpload, uploadBlob } from './blob-upload.ts'
import { drain, readAtMost, unreachable } from './exchange.ts'
import type { Answer } from './exchange.ts'
import type { RegistryHost } from './host.ts'
import { eachPage, listPages } from './pages.ts'
import { backOff, pause } from './retry.ts'
import type { RetryPolicy } from './retry.ts'
import { tagHint } from './tag-hint.ts'

const acceptedTypes = [
  mediaTypes.ociIndex,
  mediaTypes.ociManifest,
  mediaTypes.dockerList,
  mediaTypes.dockerManifest,
].join(', ')

/** Milliseconds that a better error message is worth. */
const hintTimeout = 3000

/** Documents kept for a `tag` or `fetch` that follows at once. */
const maxKept = 4

/** A repository behind the distribution API. Source: OCI distribution-spec 1.1. */
export class RemoteRepository implements Repository {
  readonly reference: Pick<Reference, 'registry' | 'repository'>
  readonly #host: RegistryHost
  readonly #retry: RetryPolicy
  readonly #query: string
  readonly #handOver: HandOver | undefined
  readonly #kept = new Map<Digest, Buffer>()
  /** Uploads that a refused mount opened: the push that follows uses them. */
  readonly #sessions = new Map<Digest, UploadSession>()

  /** `query` is added to what is read, as it stands: `?ns=docker.io` tells a mirror whose repository is meant. */
  constructor(
    reference: Pick<Reference, 'registry' | 'repository'>,
    host: RegistryHost,
    retry: RetryPolicy,
    query: string = '',
    handOver?: HandOver,
  ) {
    this.#handOver = handOver
    this.#query = query
    this.reference = { registry: reference.registry, repository: reference.repository }
    this.#host = host
    this.#retry = retry
  }

  async resolve(name: string, options: OpOptions = {}): Promise<Descriptor> {
    const answer = await this.#manifest('HEAD', name, options).catch(async (error: unknown) => {
      if (!isMilleError(error, 'MANIFEST_UNKNOWN') || isDigest(name)) throw error
      throw this.#unknown(name, await this.#tagHint(name, options))
    })
    await drain(answer.body)
    const digest = answer.header('docker-content-digest')
    const size = Number(answer.header('content-length') ?? 'none')
    const mediaType = answer.header('content-type')?.split(';')[0]?.trim() ?? ''
    const known = isIndexType(mediaType) || isManifestType(mediaType)
    if (isDigest(digest) && Number.isSafeInteger(size) && size > 0 && known) {
      if (isDigest(name) && digest !== name)
        throw failure('BLOB_DIGEST_MISMATCH', { expected: name, found: digest })
      return { mediaType, digest, size }
    }
    return this.#resolveByGet(name, options)
  }

  /** Where HEAD tells too little: the body itself says what it is. */
  async #resolveByGet(name: string, options: OpOptions): Promise<Descriptor> {
    const { raw, answer } = await this.#getDocument(name, options)
    const { descriptor } = parseManifestDocument(raw, answer.header('content-type'))
    const claimed = answer.header('docker-content-digest') ?? descriptor.digest
    // the computed digest wins over any header, and a header that lies is a registry that lies (C-W5)
    for (const expected of isDigest(name) ? [name, claimed] : [claimed]) {
      if (expected !== descriptor.digest) throw this.#mismatch(expected, descriptor.digest)
    }
    this.#keep(descriptor.digest, raw)
    return descriptor
  }

  async fetch(target: Descriptor, options: FetchOptions = {}): Promise<Readable> {
    if (isDocument(target)) return Readable.from([await this.#document(target, options)])
    return downloadBlob(
      {
        host: this.#host,
        repository: this.reference.repository,
        path: this.#blobPath(target.digest),
        scopes: this.#scopes('pull'),
        retry: this.#retry,
      },
      target,
      options,
    )
  }

  async exists(target: Descriptor, options: OpOptions = {}): Promise<boolean> {
    const path = isDocument(target) ? this.#manifestPath(target.digest) : this.#blobPath(target.digest)
    // without Accept some registries deny having anything but Docker's old types
    const headers = isDocument(target) ? { accept: target.mediaType } : {}
    const answer = await this.#call(path, 'HEAD', 'pull', options, [404], headers)
    await drain(answer.body)
    return answer.status !== 404
  }

  async blobSize(digest: Digest, options: OpOptions = {}): Promise<number | undefined> {
    const answer = await this.#call(this.#blobPath(digest), 'HEAD', 'pull', options, [404])
    await drain(answer.body)
    const size = Number(answer.header('content-length') ?? 'none')
    return answer.status !== 404 && Number.isSafeInteger(size) && size >= 0 ? size : undefined
  }

  async push(expected: Descriptor, body: Readable, options: PushOptions = {}): Promise<void> {
    if (!isDocument(expected)) {
      const begun = this.#sessions.get(expected.digest)
      this.#sessions.delete(expected.digest)
      return uploadBlob(this.#upload(), expected, body, begun, options)
    }
    const raw = await readAtMost(body, documentLimit)
    if (!raw) throw failure('MANIFEST_TOO_LARGE', { size: expected.size, limit: documentLimit })
    const found = sha256(raw)
    if (found !== expected.digest) throw failure('BLOB_DIGEST_MISMATCH', { expected: expected.digest, found })
    this.#keep(expected.digest, raw)
    const { listsReferrers } = await this.#put(expected, expected.digest, raw, options)
    if (listsReferrers || !raw.includes('"subject"')) return
    const document = parseManifestDocument(raw, expected.mediaType)
    const { subject } = document.kind === 'index' ? document.index : document.manifest
    if (subject !== undefined) await this.#listReferrer(subject.digest, document, options)
  }

  async *referrers(
    subject: Digest,
    options: OpOptions & { readonly artifactType?: string } = {},
  ): AsyncIterable<Descriptor> {
    const { artifactType } = options
    for await (const index of this.#referrerLists(subject, options)) {
      for (const entry of index.manifests)
        if (artifactType === undefined || entry.artifactType === artifactType) yield entry
    }
  }

  async *#referrerLists(
    subject: Digest,
    options: OpOptions & { readonly artifactType?: string },
  ): AsyncIterable<Index> {
    const { repository } = this.reference
    const { artifactType } = options
    const query = artifactType === undefined ? '' : `?artifactType=${encodeURIComponent(artifactType)}`
    // 400 and 405 are how some say that they have no such endpoint
    const accept = [400, 404, 405]
    const call = {
      repository,
      scopes: this.#scopes('pull'),
      accept,
      headers: { accept: mediaTypes.ociIndex },
    }
    const path = `/v2/${repository}/referrers/${subject}${query}`
    for await (const { answer, body } of eachPage(this.#host, path, call, options)) {
      if (answer.status >= 300) {
        const index = await this.#taggedReferrers(subject, options)
        if (index) yield index
        return
      }
      yield this.#asIndex(body)
    }
  }

  /** What the tag says that stands for the referrers API. */
  async #taggedReferrers(subject: Digest, options: OpOptions): Promise<Index | undefined> {
    try {
      const { raw } = await this.#getDocument(referrersTag(subject), options)
      return this.#asIndex(raw)
    } catch (error) {
      if (isMilleError(error, 'MANIFEST_UNKNOWN')) return undefined
      throw error
    }
  }

  #asIndex(raw: Buffer): Index {
    const document = parseManifestDocument(raw, mediaTypes.ociIndex)
    if (document.kind === 'index') return document.index
    throw failure('REGISTRY_ANSWER_INVALID', { host: this.#host.name, reason: 'referrers that are no index' })
  }

  /** Two who do this at once can lose one of the two: registries without the API have nothing better. */
  async #listReferrer(subject: Digest, document: ManifestDocument, options: OpOptions): Promise<void> {
    const raw = withReferrer(await this.#taggedReferrers(subject, options), referrerOf(document))
    if (raw === undefined) return
    const index = { mediaType: mediaTypes.ociIndex, digest: sha256(raw), size: raw.length }
    await this.#put(index, referrersTag(subject), raw, options)
  }

  async tag(target: Descriptor, name: string, options: OpOptions = {}): Promise<void> {
    await this.#put(target, name, await this.#document(target, options), options)
  }

  async mount(target: Descriptor, from: string, options: OpOptions = {}): Promise<boolean> {
    const query = `?mount=${target.digest}&from=${encodeURIComponent(from)}`
    const upload = { ...this.#upload(), scopes: [...this.#scopes('push'), `repository:${from}:pull`] }
    try {
      const session = await openUpload(upload, query, options.signal)
      if (session) this.#sessions.set(target.digest, session)
      return session === undefined
    } catch (error) {
      // who may not read the other repository, or not even be told so, can still push the blob
      if (isMilleError(error, 'REGISTRY_DENIED', 'REGISTRY_UNAUTHORIZED', 'LOGIN_REFUSED')) return false
      throw error
    }
  }

  tags(options: OpOptions = {}): AsyncIterable<string> {
    const { repository } = this.reference
    const call = { repository, scopes: this.#scopes('pull') }
    return listPages(this.#host, `/v2/${repository}/tags/list`, 'tags', call, options)
  }

  async delete(target: Descriptor, options: OpOptions = {}): Promise<void> {
    const path = isDocument(target) ? this.#manifestPath(target.digest) : this.#blobPath(target.digest)
    const answer = await this.#call(path, 'DELETE', 'delete', options, [404])
    await drain(answer.body)
    if (answer.status !== 404) return
    throw isDocument(target)
      ? this.#unknown(target.digest)
      : failure('BLOB_NOT_FOUND', { digest: target.digest })
  }

  /** The bytes of a manifest, verified against `target`. */
  async #document(target: Descriptor, options: OpOptions): Promise<Buffer> {
    const kept = this.#kept.get(target.digest)
    if (kept) return kept
    const { raw, answer } = await this.#getDocument(target.digest, options)
    const found = sha256(raw)
    if (found !== target.digest) throw this.#mismatch(target.digest, found)
    if (raw.length !== target.size) {
      throw failure('BLOB_SIZE_MISMATCH', { digest: target.digest, expected: target.size, found: raw.length })
    }
    // the type announced with the bytes must be the one the name was resolved to (CVE-2021-41190)
    parseManifestDocument(raw, answer.header('content-type'))
    this.#keep(target.digest, raw)
    return raw
  }

  /** A whole manifest; a connection that breaks inside it is one more try. */
  async #getDocument(name: string, options: OpOptions): Promise<{ raw: Buffer; answer: Answer }> {
    for (let attempt = 1; ; attempt++) {
      const answer = await this.#manifest('GET', name, options)
      try {
        const raw = await readAtMost(answer.body, documentLimit)
        if (!raw) throw failure('MANIFEST_TOO_LARGE', { size: 'more', limit: documentLimit })
        return { raw, answer }
      } catch (error) {
        options.signal?.throwIfAborted()
        if (isMilleError(error)) throw error
        if (attempt >= this.#retry.attempts) throw unreachable(this.#host.name, error)
        await pause(backOff(this.#retry, attempt), options.signal)
      }
    }
  }

  #mismatch(expected: string, found: string): Error {
    return failure('BLOB_DIGEST_MISMATCH', { expected, found: `${found} from ${this.#host.name}` })
  }

  async #put(
    target: Descriptor,
    name: string,
    raw: Buffer,
    options: OpOptions,
  ): Promise<{ readonly listsReferrers: boolean }> {
    const { repository } = this.reference
    const answer = await this.#host.call(this.#manifestPath(name), {
      method: 'PUT',
      repository,
      scopes: this.#scopes('push'),
      signal: options.signal,
      headers: { 'content-type': target.mediaType },
      body: raw,
    })
    await drain(answer.body)
    const stored = answer.header('docker-content-digest')
    if (stored !== undefined && stored !== target.digest) {
      throw failure('BLOB_DIGEST_MISMATCH', {
        expected: target.digest,
        found: `${stored} stored by ${this.#host.name}`,
      })
    }
    return { listsReferrers: answer.header('oci-subject') !== undefined }
  }

  async #manifest(method: 'GET' | 'HEAD', name: string, options: OpOptions): Promise<Answer> {
    const headers = { accept: acceptedTypes }
    const answer = await this.#call(this.#manifestPath(name), method, 'pull', options, [404], headers)
    if (answer.status !== 404) return answer
    await drain(answer.body)
    throw this.#unknown(name)
  }

  /** Best effort: many registries show their tags to nobody. */
  async #tagHint(name: string, options: OpOptions): Promise<string> {
    const enough = AbortSignal.timeout(hintTimeout)
    const signal = options.signal === undefined ? enough : AbortSignal.any([options.signal, enough])
    const hint = await tagHint(name, this.tags({ signal })).catch(() => '')
    options.signal?.throwIfAborted()
    return hint
  }

  #unknown(name: string, hint: string = ''): Error {
    const { registry, repository } = this.reference
    const separator = isDigest(name) ? '@' : ':'
    return failure('MANIFEST_UNKNOWN', { name: `${registry}/${repository}${separator}${name}`, hint })
  }

  #call(
    path: string,
    method: 'GET' | 'HEAD' | 'DELETE',
    right: 'pull' | 'delete',
    { signal }: OpOptions,
    accept: readonly number[],
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Answer> {
    const { repository } = this.reference
    return this.#host.call(path, { method, repository, scopes: this.#scopes(right), signal, accept, headers })
  }

  #upload(): UploadRequest {
    const { repository } = this.reference
    const handOver = this.#handOver && { handOver: this.#handOver }
    return { host: this.#host, repository, scopes: this.#scopes('push'), retry: this.#retry, ...handOver }
  }

  #scopes(right: 'pull' | 'push' | 'delete'): readonly string[] {
    const actions = right === 'pull' ? 'pull' : right === 'push' ? 'pull,push' : 'delete'
    return [`repository:${this.reference.repository}:${actions}`]
  }

  #blobPath(digest: Digest): string {
    return `/v2/${this.reference.repository}/blobs/${digest}${this.#query}`
  }

  #manifestPath(name: string): string {
    const path = encodeURIComponent(name).replaceAll('%3A', ':')
    return `/v2/${this.reference.repository}/manifests/${path}${this.#query}`
  }

  #keep(digest: Digest, raw: Buffer): void {
    this.#kept.set(digest, raw)
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= maxKept) break
      this.#kept.delete(oldest)
    }
  }
}

function isDocument({ mediaType }: Descriptor): boolean {
  return isIndexType(mediaType) || isManifestType(mediaType)
}
