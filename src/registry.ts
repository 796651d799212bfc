/** Both sides of the OCI distribution API. */
export { createRegistryClient } from './registry/client/registry-client.ts'
export type {
  FetchOptions,
  Login,
  LoginSource,
  PushOptions,
  RegistryClient,
  RegistryClientOptions,
  Repository,
} from './registry/repository.ts'
export { noRules, withDockerSettings } from './registry/config/registry-rules.ts'
export type { HostRule, Mirror, MirrorUse, RegistryRules } from './registry/config/registry-rules.ts'
export { readRegistriesFile } from './registry/config/registries-file.ts'
export { openCredentialStore } from './registry/credentials/credential-store.ts'
export type { CredentialStore, CredentialStoreOptions } from './registry/credentials/credential-store.ts'

export { createRegistry } from './registry/server/registry.ts'
export type { Registry, RegistryAddress, RegistryOptions } from './registry/server/registry.ts'
export { openFileStorage } from './registry/server/file-storage.ts'
export type { FileStorageOptions } from './registry/server/file-storage.ts'
export { MemoryStorage } from './registry/server/memory-storage.ts'
export type { RegistryStorage } from './registry/server/storage.ts'
export type { AccessRule, Right } from './registry/server/access/policy.ts'
export type { TokenOptions } from './registry/server/access/tokens.ts'
export type { Certificate } from './registry/server/certificate.ts'
export type {
  Collectable,
  CollectOptions,
  CollectReport,
  ScrubReport,
} from './registry/server/gc/collection.ts'
