import { join } from 'node:path'
import { isMilleError } from '../../util/errors.ts'
import { parseDotenv } from './dotenv.ts'
import type { ReadFile } from './read-file.ts'

/** What the files say, later ones over earlier ones; their variables are those of `environment`, which count first. */
export async function readEnvFiles(
  files: readonly string[],
  environment: Readonly<Record<string, string>>,
  readFile: ReadFile,
): Promise<Readonly<Record<string, string>>> {
  const values: Record<string, string> = {}
  for (const file of files) {
    const lookup = (name: string): string | undefined =>
      Object.hasOwn(environment, name) ? environment[name] : values[name]
    for (const [name, value] of parseDotenv(await readFile(file), { file, lookup })) {
      if (value !== null) values[name] = value
    }
  }
  return values
}

/** The `.env` of the folder, when there is one. */
export async function envFileOf(folder: string, readFile: ReadFile): Promise<readonly string[]> {
  const path = join(folder, '.env')
  try {
    await readFile(path)
    return [path]
  } catch (error) {
    if (isMilleError(error, 'COMPOSE_FILE_UNREADABLE')) return []
    throw error
  }
}
