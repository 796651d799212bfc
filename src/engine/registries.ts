import { join } from 'node:path'
import { defaultRegistry, isRegistryHost } from '../oci/reference.ts'
import type { CredentialStore } from '../registry/credentials/credential-store.ts'
import type { RegistryClient } from '../registry/repository.ts'
import { failure } from '../util/errors.ts'
import type { Registries } from './engine.ts'

export interface RegistriesParts {
  readonly storeRoot: string
  readonly client: () => Promise<Pick<RegistryClient, 'verifyLogin' | 'search'>>
  /** Default: Docker's own file. */
  readonly credentialsPath?: string
}

/** Logins as Docker keeps them, and the embedded registry; each is loaded at its first use. */
export function createRegistries(parts: RegistriesParts): Registries {
  const credentials = async (): Promise<CredentialStore> => {
    const { openCredentialStore } = await import('../registry/credentials/credential-store.ts')
    return openCredentialStore(parts.credentialsPath === undefined ? {} : { path: parts.credentialsPath })
  }
  const registryRoot = join(parts.storeRoot, 'registry')
  return {
    verify: async (registry, login) =>
      await (await parts.client()).verifyLogin(parseRegistryHost(registry), login),
    async login(registry, login) {
      const host = parseRegistryHost(registry)
      await (await parts.client()).verifyLogin(host, login)
      await (await credentials()).save(host, login)
      return 'Login Succeeded'
    },
    search: async (text, options) =>
      (await import('./search-registries.ts')).searchRegistries(await parts.client(), text, options),
    async logout(registry) {
      return (await credentials()).erase(parseRegistryHost(registry))
    },
    async serve(options) {
      const { serveRegistry } = await import('./serve-registry.ts')
      return serveRegistry(options, registryRoot)
    },
    async collect({ dryRun, grace, ...settings }) {
      const { controlRegistry } = await import('./control-registry.ts')
      const request = { dryRun, ...(grace !== undefined && { grace }) }
      return controlRegistry(settings, registryRoot, (control) => control.collect(request))
    },
    async scrub(settings) {
      const { controlRegistry } = await import('./control-registry.ts')
      return controlRegistry(settings, registryRoot, (control) => control.scrub())
    },
  }
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
