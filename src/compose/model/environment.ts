import { readEnvFiles, envFileOf } from './env-files.ts'
import type { ReadFile } from './read-file.ts'

export type Environment = Readonly<Record<string, string>>

/**
 * What variables stand for: those of the process, then those of the files given or of `.env` in the project's folder.
 * COMPOSE_DISABLE_ENV_FILE and COMPOSE_ENV_FILES count. Errors: COMPOSE_ENV_FILE, COMPOSE_FILE_UNREADABLE.
 */
export async function projectEnvironment(
  env: Readonly<Record<string, string | undefined>>,
  files: readonly string[],
  folder: string,
  readFile: ReadFile,
): Promise<Environment> {
  const own = Object.fromEntries(
    Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const named = files.length > 0 ? files : (own['COMPOSE_ENV_FILES'] ?? '').split(',').filter(Boolean)
  const isDisabled = ['1', 'true'].includes((own['COMPOSE_DISABLE_ENV_FILE'] ?? '').toLowerCase())
  const chosen = named.length > 0 || isDisabled ? named : await envFileOf(folder, readFile)
  return { ...(await readEnvFiles(chosen, own, readFile)), ...own }
}
