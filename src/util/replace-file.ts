import { randomBytes } from 'node:crypto'
import { rename, rm } from 'node:fs/promises'

/** Has `write` make a file beside `path`, and puts it in its place when it is whole; nothing is left when that fails. */
export async function replaceFile(path: string, write: (temporary: string) => Promise<void>): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`
  try {
    await write(temporary)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}
