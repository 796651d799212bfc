import type { Readable } from 'node:stream'
import type { ContentTarget, Tagger } from '../oci/content.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import type { Digest } from '../oci/digest.ts'
import type { Reference } from '../oci/reference.ts'
import type { OpOptions } from '../util/progress.ts'
import type { RegistryRules } from './config/registry-rules.ts'

export interface FetchOptions extends OpOptions {
  /**
   * Begin at this byte of a blob (D10), 0 included: the caller has the bytes before it and checks size and digest of
   * the whole. The stream then checks nothing.
   */
  readonly offset?: number
}

export interface PushOptions extends OpOptions {
  /**
   * Opens the same blob again, the bytes from `start` to before `end`. With it a cut upload is resumed where the registry
   * stands; without it the failure is the caller's to retry, because a stream can be read only once.
   */
  readonly reopen?: (start: number, end: number) => Promise<Readable>
}

/**
 * One repository of a remote registry. Manifests and indexes are told from blobs by the media type of the descriptor.
 * Errors: REGISTRY_UNAUTHORIZED, REGISTRY_DENIED, MANIFEST_UNKNOWN, BLOB_NOT_FOUND, REGISTRY_RATE_LIMITED,
 * REGISTRY_UNREACHABLE, REGISTRY_FAILED, REGISTRY_REFUSED; all name host and repository.
 */
export interface Repository extends ContentTarget, Tagger {
  readonly reference: Pick<Reference, 'registry' | 'repository'>
  /** By tag or digest. */
  resolve(name: string, options?: OpOptions): Promise<Descriptor>
  fetch(target: Descriptor, options?: FetchOptions): Promise<Readable>
  exists(target: Descriptor, options?: OpOptions): Promise<boolean>
  /** Bytes of a blob of which only the digest is known; undefined when it is not there, or its size is not told. */
  blobSize(digest: Digest, options?: OpOptions): Promise<number | undefined>
  push(expected: Descriptor, body: Readable, options?: PushOptions): Promise<void>
  /** Takes the blob over from repository `from` of the same registry; false when the registry does not: push it then. */
  mount(target: Descriptor, from: string, options?: OpOptions): Promise<boolean>
  /** All tags, page by page. */
  tags(options?: OpOptions): AsyncIterable<string>
  /**
   * What names `subject` as its subject (D14), of one `artifactType` where it is given. Registries without the referrers API
   * are read by the tag that stands for it; `push` keeps that tag for those that do not.
   */
  referrers(
    subject: Digest,
    options?: OpOptions & { readonly artifactType?: string },
  ): AsyncIterable<Descriptor>
  /** A manifest by digest, or a blob. */
  delete(target: Descriptor, options?: OpOptions): Promise<void>
}

/**
 * Puts a blob's file where the registry `instance` takes the bytes of `upload` from; false when it cannot: the bytes are
 * sent then.
 */
export type HandOver = (digest: Digest, instance: string, upload: string) => Promise<boolean>

/** Who the user is at one registry. */
export type Login =
  | { readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, which Docker's files write as the password of the user `<token>`. */
  | { readonly identityToken: string }

/** Where the client finds logins: Docker's config.json, a request's headers, nothing. */
export interface LoginSource {
  /** `registry` as in a reference: `docker.io`, `host:5000`. */
  find(registry: string): Promise<Login | undefined>
}

export interface RegistryClientOptions {
  readonly logins?: LoginSource
  /** `host[:port]` that may be reached by plain HTTP or with any certificate; loopback always may. */
  readonly insecureRegistries?: readonly string[]
  /** Mirrors, blocked registries, and what is to be known of hosts. */
  readonly rules?: RegistryRules
  /** Folders in Docker's layout `certs.d/<host[:port]>/`, the first that has one for the host counts (D06). */
  readonly certificateFolders?: readonly string[]
  /** For registries on the same store. */
  readonly handOver?: HandOver
  /** Milliseconds; default 15,000. */
  readonly connectTimeout?: number
  /** Longest silence in an answer, milliseconds; default 60,000. */
  readonly stallTimeout?: number
  /** Tries of one request; default 5. */
  readonly attempts?: number
  /** First pause between tries, milliseconds; doubles each time, with jitter; default 250. */
  readonly retryDelay?: number
  /** Longest pause, also when the registry asks for a longer one, milliseconds; default 60,000. */
  readonly maxRetryDelay?: number
  /** Warnings of the registry (code 299), each once, and waits it asks for. */
  readonly onWarning?: (text: string) => void
}

export interface FoundRepository {
  readonly name: string
  readonly description: string
  readonly stars: number
  /** Of the registry's own: it has no namespace (A56). */
  readonly isOfficial: boolean
}

/** Access to registries, with connections and tokens shared between repositories. */
export interface RegistryClient extends AsyncDisposable {
  openRepository(reference: Pick<Reference, 'registry' | 'repository'>): Repository
  /** Asks the registry whether `login` is right. Throws LOGIN_REFUSED when it is not. */
  verifyLogin(registry: string, login: Login, options?: OpOptions): Promise<void>
  /** Names of all repositories, where the registry tells them (D34). */
  catalog(registry: string, options?: OpOptions): AsyncIterable<string>
  /** Repositories with `term`, as the registry finds them, else those of its catalog whose name has it (A55). */
  search(
    registry: string,
    term: string,
    options: OpOptions & { readonly limit: number },
  ): Promise<readonly FoundRepository[]>
}
