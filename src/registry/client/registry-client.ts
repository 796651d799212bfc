import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { Login, RegistryClient, RegistryClientOptions } from '../repository.ts'
import { basic } from './authorizer.ts'
import { Exchange, drain } from './exchange.ts'
import { RegistryHost } from './host.ts'
import { listPages } from './pages.ts'
import { RemoteRepository } from './remote-repository.ts'
import type { RetryPolicy } from './retry.ts'

/** Opens nothing yet: connections come with the first request, and are shared by all repositories of the client. */
export function createRegistryClient(options: RegistryClientOptions = {}): RegistryClient {
  const insecure = new Set((options.insecureRegistries ?? []).map((host) => host.toLowerCase()))
  const isInsecure = (host: string): boolean =>
    insecure.has(host.toLowerCase()) || insecure.has(host.toLowerCase().replace(/:\d+$/, ''))
  const exchange = new Exchange({
    connectTimeout: options.connectTimeout ?? 15_000,
    stallTimeout: options.stallTimeout ?? 60_000,
    isInsecure,
  })
  const retry: RetryPolicy = {
    attempts: options.attempts ?? 5,
    delay: options.retryDelay ?? 250,
    maxDelay: options.maxRetryDelay ?? 60_000,
  }
  const hosts = new Map<string, RegistryHost>()
  const openHost = (registry: string, login: () => Promise<Login | undefined>): RegistryHost =>
    new RegistryHost({ registry, exchange, retry, isInsecure, login, onWarning: options.onWarning })
  const hostOf = (registry: string): RegistryHost => {
    const known = hosts.get(registry)
    if (known) return known
    const host = openHost(
      registry,
      briefly(() => Promise.resolve(options.logins?.find(registry))),
    )
    hosts.set(registry, host)
    return host
  }
  return {
    openRepository: (reference) => new RemoteRepository(reference, hostOf(reference.registry), retry),
    verifyLogin: (registry, login, { signal }: OpOptions = {}) =>
      verifyLogin(
        exchange,
        openHost(registry, () => Promise.resolve(login)),
        login,
        signal,
      ),
    catalog: (registry, op = {}) =>
      listPages(
        hostOf(registry),
        '/v2/_catalog',
        'repositories',
        { repository: 'the catalog', scopes: ['registry:catalog:*'] },
        op,
      ),
    [Symbol.asyncDispose]: () => exchange[Symbol.asyncDispose](),
  }
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
