import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { Reference } from '../../oci/reference.ts'
import {
  isBlocked,
  type MirrorPlace,
  mirrorsOf,
  noRules,
  type RegistryRules,
  withDockerSettings,
} from '../config/registry-rules.ts'
import type { Login, RegistryClient, RegistryClientOptions, Repository } from '../repository.ts'
import { basic } from './authorizer.ts'
import { findCertificates } from './certificates.ts'
import { Exchange, drain } from './exchange.ts'
import { type HostSettings, RegistryHost } from './host.ts'
import { MirroredRepository, type MirrorRepository } from './mirrored-repository.ts'
import { listPages } from './pages.ts'
import { searchRegistry } from './search.ts'
import { RemoteRepository } from './remote-repository.ts'
import type { RetryPolicy } from './retry.ts'

/** Tries of one request to a mirror: there is somebody else to ask. */
const mirrorAttempts = 2

/** Opens nothing yet: connections come with the first request, and are shared by all repositories of the client. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const { onWarning } = options
  const rules = withDockerSettings(options.rules ?? noRules, { insecure: options.insecureRegistries ?? [] })
  const isInsecure = (host: string): boolean =>
    [host, host.replace(/:\d+$/, '')].some((name) => rules.hosts.get(name.toLowerCase())?.insecure === true)
  const retry: RetryPolicy = {
    attempts: options.attempts ?? 5,
    delay: options.retryDelay ?? 250,
    maxDelay: options.maxRetryDelay ?? 60_000,
    stall: options.stallTimeout ?? 60_000,
  }
  const exchange = new Exchange({
    connectTimeout: options.connectTimeout ?? 15_000,
    stallTimeout: retry.stall,
    isInsecure,
    certificates: (host) => findCertificates(host, rules.hosts.get(host), options.certificateFolders ?? []),
  })
  const hosts = new Map<string, RegistryHost>()
  const hostOf = (
    registry: string,
    more: Pick<HostSettings, 'scheme' | 'retry'> = { retry },
  ): RegistryHost => {
    const key = `${more.scheme ?? ''}${registry}`
    const known = hosts.get(key)
    if (known) return known
    // by the name of the host that is asked: a mirror gets its own login, never that of the registry it stands for (C-W3)
    const login = briefly(() => Promise.resolve(options.logins?.find(registry)))
    const host = new RegistryHost({ registry, exchange, isInsecure, login, onWarning, ...more })
    hosts.set(key, host)
    return host
  }
  const openMirror = ({ mirror, repository }: MirrorPlace, registry: string): MirrorRepository => {
    const { host: name, protocol } = mirror.url
    const scheme = protocol === 'http:' ? protocol : 'https:'
    const policy = { ...retry, attempts: Math.min(retry.attempts, mirrorAttempts) }
    const host = hostOf(name, { scheme, retry: policy })
    const query = `?ns=${encodeURIComponent(registry)}`
    return {
      name,
      pull: mirror.pull,
      repository: new RemoteRepository({ registry: name, repository }, host, policy, query),
      isDown: () => host.isDown,
    }
  }
  return {
    openRepository(reference) {
      const places = mirrorsOf(rules, reference)
      const upstream = (): Repository => {
        checkBlocked(rules, reference, places)
        return new RemoteRepository(reference, hostOf(reference.registry), retry, '', options.handOver)
      }
      if (places.length === 0) return upstream()
      const mirrors = places.map((place) => openMirror(place, reference.registry))
      return new MirroredRepository({ reference, mirrors, upstream: once(upstream), onWarning })
    },
    verifyLogin: (registry, login, { signal }: OpOptions = {}) => {
      const settings = { registry, exchange, retry, isInsecure, onWarning }
      return verifyLogin(
        exchange,
        new RegistryHost({ ...settings, login: () => Promise.resolve(login) }),
        login,
        signal,
      )
    },
    catalog: (registry, op = {}) =>
      listPages(
        hostOf(registry),
        '/v2/_catalog',
        'repositories',
        { repository: 'the catalog', scopes: ['registry:catalog:*'] },
        op,
      ),
    async search(registry, term, op) {
      checkBlocked(rules, { registry, repository: 'searching' }, [])
      // docker.io is searched where it began
      if (registry === 'docker.io') return await searchRegistry(hostOf('index.docker.io'), term, op)
      const host = hostOf(registry)
      // a search that strangers may make asks for no login: what asks for one comes first
      const ping = { repository: 'the registry', scopes: [], signal: op.signal, accept: [404] }
      if ((await options.logins?.find(registry)) !== undefined)
        await drain((await host.call('/v2/', ping)).body)
      return await searchRegistry(host, term, op)
    },
    [Symbol.asyncDispose]: () => exchange[Symbol.asyncDispose](),
  }
}

function checkBlocked(
  rules: RegistryRules,
  { registry, repository }: Pick<Reference, 'registry' | 'repository'>,
  mirrors: readonly unknown[],
): void {
  if (!isBlocked(rules, { registry, repository })) return
  const reason = mirrors.length === 0 ? ', and it has none' : ''
  throw failure('REGISTRY_BLOCKED', { registry, repository, reason })
}

function once<Value>(make: () => Value): () => Value {
  let made: { readonly value: Value } | undefined
  return () => (made ??= { value: make() }).value
}

/** Remembers for 10 s: a credential helper is not started for each request, and a new login is seen soon. */
function briefly<Value>(find: () => Promise<Value>): () => Promise<Value> {
  let known: { readonly value: Promise<Value>; readonly until: number } | undefined
  return () => {
    if (!known || known.until < performance.now())
      known = { value: find(), until: performance.now() + 10_000 }
    return known.value
  }
}

/**
 * `GET /v2/` with the login. A registry that lets everybody in here is sent the login unasked: the user has just named
 * it, and would else be told that a wrong password is right. Source: OCI distribution-spec 1.1, "Determining Support".
 */
async function verifyLogin(
  exchange: Exchange,
  host: RegistryHost,
  login: Login,
  signal: AbortSignal | undefined,
): Promise<void> {
  const refused = (): Error => failure('LOGIN_REFUSED', { host: host.name })
  try {
    const answer = await host.call('/v2/', { repository: 'the registry', scopes: [], signal })
    await drain(answer.body)
  } catch (error) {
    if (isMilleError(error, 'REGISTRY_UNAUTHORIZED')) throw refused()
    throw error
  }
  const authorization = basic(login)
  if (host.isChallenging || authorization === undefined) return
  const answer = await exchange.send(new URL('/v2/', await host.origin(signal)), { authorization, signal })
  await drain(answer.body)
  if (answer.status === 401 || answer.status === 403) throw refused()
}
