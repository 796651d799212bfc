import { homedir } from 'node:os'
import { join } from 'node:path'
import { readRegistriesFile } from '../registry/config/registries-file.ts'
import { noRules, withDockerSettings } from '../registry/config/registry-rules.ts'
import type { RegistryClientOptions } from '../registry/repository.ts'
import type { EngineOptions } from './engine.ts'

/** How this machine reaches registries: `registries.json`, the options, and certificates in Docker's layout. */
export async function registrySettings(
  options: Pick<EngineOptions, 'insecureRegistries' | 'registryMirrors'>,
): Promise<Pick<RegistryClientOptions, 'rules' | 'certificateFolders'>> {
  const folders = configFolders()
  const files = folders.map((folder) => join(folder, 'registries.json'))
  const rules = withDockerSettings((await readRegistriesFile(files)) ?? noRules, {
    insecure: options.insecureRegistries ?? [],
    mirrors: options.registryMirrors ?? [],
  })
  return {
    rules,
    certificateFolders: [...folders.map((folder) => join(folder, 'certs.d')), ...othersFolders()],
  }
}

/** Where mille's settings lie, the first counts: `$MILLE_CONFIG` alone, or the user's and then the machine's. */
export function configFolders(env: NodeJS.ProcessEnv = process.env): readonly string[] {
  const given = env['MILLE_CONFIG']
  if (given) return [given]
  return process.getuid?.() === 0 ? ['/etc/mille'] : [join(userConfig(env), 'mille'), '/etc/mille']
}

/** Docker's and Podman's certificates are good for mille too. */
function othersFolders(): readonly string[] {
  const places = ['/etc/docker/certs.d', '/etc/containers/certs.d']
  if (process.getuid?.() === 0) return places
  const own = ['docker/certs.d', 'containers/certs.d'].map((name) => join(userConfig(process.env), name))
  return [...own, ...places]
}

function userConfig(env: NodeJS.ProcessEnv): string {
  return env['XDG_CONFIG_HOME'] || join(homedir(), '.config')
}
