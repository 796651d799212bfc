import { join } from 'node:path'
import { defaultRegistry, isRegistryHost } from '../oci/reference.ts'
import type { CredentialStore } from '../registry/credentials/credential-store.ts'
import type { RegistryClient } from '../registry/repository.ts'
import { failure } from '../util/errors.ts'
import type { Registries } from './engine.ts'

export interface RegistriesParts {
  readonly storeRoot: string
  readonly client: () => Promise<Pick<RegistryClient, 'verifyLogin'>>
  /** Default: Docker's own file. */
  readonly credentialsPath?: string
}

/** Logins as Docker keeps them, and the embedded registry; each is loaded at its first use. */
export function createRegistries(parts: RegistriesParts): Registries {
  const credentials = async (): Promise<CredentialStore> => {
    const { openCredentialStore } = await import('../registry/credentials/credential-store.ts')
    return openCredentialStore(parts.credentialsPath === undefined ? {} : { path: parts.credentialsPath })
  }
  return {
    verify: async (registry, login) =>
      await (await parts.client()).verifyLogin(parseRegistryHost(registry), login),
    async login(registry, login) {
      const host = parseRegistryHost(registry)
      await (await parts.client()).verifyLogin(host, login)
      await (await credentials()).save(host, login)
      return 'Login Succeeded'
    },
    async logout(registry) {
      return (await credentials()).erase(parseRegistryHost(registry))
    },
    serve: (options) => serve({ ...options, root: options.root ?? join(parts.storeRoot, 'registry') }),
  }
}

type ServeOptions = Parameters<Registries['serve']>[0] & { readonly root: string }

async function serve({ host, port, root, signal, onLog }: ServeOptions): ReturnType<Registries['serve']> {
  const [{ createRegistry }, { openFileStorage }] = await Promise.all([
    import('../registry/server/registry.ts'),
    import('../registry/server/file-storage.ts'),
  ])
  signal.throwIfAborted()
  await using resources = new AsyncDisposableStack()
  const storage = resources.use(openFileStorage(root))
  const registry = resources.use(
    await createRegistry({ storage, allowDelete: true, ...(onLog !== undefined && { onLog }) }),
  )
  const { url } = await registry.listen(host, port)
  const running = resources.move()
  const closed = (async () => {
    await aborted(signal)
    await running.disposeAsync()
  })()
  // who only wants the address must not be killed by a failing close
  closed.catch(() => {})
  return { url, closed }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** What users type for a registry: Docker also takes an URL. Throws INVALID_ARGUMENT. */
function parseRegistryHost(text: string): string {
  const host = text.replace(/^https?:\/\//, '').replace(/\/.*$/s, '')
  if (host === '' || host === 'index.docker.io' || host === 'registry-1.docker.io') return defaultRegistry
  if (!isRegistryHost(host)) {
    throw failure('INVALID_ARGUMENT', {
      reason: `invalid registry "${text.slice(0, 300)}": need host or host:port`,
    })
  }
  return host
}
