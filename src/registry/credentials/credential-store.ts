import type { Login, LoginSource } from '../repository.ts'
import { CredentialHelper } from './credential-helper.ts'
import {
  credentialsPath,
  entryOf,
  isReadableByOthers,
  loginOf,
  readCredentials,
  writeCredentials,
} from './credentials-file.ts'
import type { CredentialsConfig } from './credentials-file.ts'

/** Docker Hub's logins are kept under its first address. */
const hubKey = 'https://index.docker.io/v1/'

export interface CredentialStoreOptions {
  /** Default: Docker's own file. */
  readonly path?: string
  readonly onWarning?: (text: string) => void
}

/** Docker's logins: what `docker login` stored is found here, and the other way round (D03). */
export interface CredentialStore extends LoginSource {
  readonly path: string
  /** Into the helper for this registry, or else the file. Returns where: a helper's name, or undefined for the file. */
  save(registry: string, login: Login): Promise<string | undefined>
  /** False when there was none. */
  erase(registry: string): Promise<boolean>
}

/** Reads the file anew for each call: another program may have written it. */
export function openCredentialStore(options: CredentialStoreOptions = {}): CredentialStore {
  const path = options.path ?? credentialsPath()
  let warned = false
  const warnOnce = async (): Promise<void> => {
    if (warned || !options.onWarning || !(await isReadableByOthers(path))) return
    warned = true
    options.onWarning(`${path} can be read by others: chmod 600 ${path}`)
  }
  return {
    path,
    async find(registry) {
      const config = await readCredentials(path)
      const helper = helperFor(config, registry)
      if (helper) return helper.helper.get(keyOf(registry))
      const entry = entryKeys(config, registry)[0]
      const login = entry === undefined ? undefined : loginOf(config.auths?.[entry] ?? {})
      if (login) await warnOnce()
      return login
    },
    async save(registry, login) {
      const config = await readCredentials(path)
      const key = keyOf(registry)
      const helper = helperFor(config, registry)
      const auths = withoutKeys(config, entryKeys(config, registry))
      await helper?.helper.store(key, login)
      // with a helper the entry is empty: it only says that there is a login
      await writeCredentials(path, { ...config, auths: { ...auths, [key]: helper ? {} : entryOf(login) } })
      return helper?.name
    },
    async erase(registry) {
      const config = await readCredentials(path)
      const helper = helperFor(config, registry)
      const keys = entryKeys(config, registry)
      const known = keys.length > 0 || (helper && (await helper.helper.get(keyOf(registry))) !== undefined)
      if (!known) return false
      await helper?.helper.erase(keyOf(registry))
      if (keys.length > 0) await writeCredentials(path, { ...config, auths: withoutKeys(config, keys) })
      return true
    },
  }
}

function helperFor(
  { credHelpers, credsStore }: CredentialsConfig,
  registry: string,
): { name: string; helper: CredentialHelper } | undefined {
  const own = Object.entries(credHelpers ?? {}).find(([host]) => registryOf(host) === registry)?.[1]
  const name = own || credsStore
  return name ? { name, helper: new CredentialHelper(name) } : undefined
}

function keyOf(registry: string): string {
  return registry === 'docker.io' ? hubKey : registry
}

/** Keys of `auths` that mean `registry`: the exact one first, then old forms such as `https://host/v1/`. */
function entryKeys({ auths }: CredentialsConfig, registry: string): readonly string[] {
  const keys = Object.keys(auths ?? {}).filter((key) => registryOf(key) === registry)
  return keys.toSorted((a, b) => Number(b === keyOf(registry)) - Number(a === keyOf(registry)))
}

function registryOf(key: string): string {
  const host = key.replace(/^https?:\/\//, '').split('/')[0] ?? ''
  const isHub = host === 'index.docker.io' || host === 'registry-1.docker.io'
  return isHub ? 'docker.io' : host
}

function withoutKeys(
  { auths }: CredentialsConfig,
  keys: readonly string[],
): NonNullable<CredentialsConfig['auths']> {
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => !keys.includes(key)))
}
