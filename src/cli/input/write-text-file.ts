import { writeFile } from 'node:fs/promises'
import { fileFailure } from './open-file.ts'

/** CLI_OPEN_FILE when it cannot be written. */
export async function writeTextFile(path: string, text: string): Promise<void> {
  await writeFile(path, text).catch((cause: unknown) => {
    throw fileFailure(path, cause)
  })
}
