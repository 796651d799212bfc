import type { RegistrySettings } from '../../registry/settings/registry-settings.ts'

/** Of the configuration file, if there is one, and of the folder that counts more than the file's place. */
export async function registrySettings({
  config,
  storage,
}: {
  readonly config: string | undefined
  readonly storage: string | undefined
}): Promise<RegistrySettings> {
  const { bucket, ...file } = config === undefined ? {} : await readFile(config)
  if (storage !== undefined) return { ...file, storage }
  return bucket === undefined ? file : { ...file, bucket }
}

async function readFile(path: string): Promise<RegistrySettings> {
  const { readRegistrySettings } = await import('../../registry/settings/read-settings.ts')
  return readRegistrySettings(path)
}
