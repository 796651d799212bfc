import { randomBytes } from 'node:crypto'
import { link, open, readFile, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { failure } from '../../../util/errors.ts'

const keySize = 32

/**
 * The secret that tokens are signed with, from the file, which is made when it is not there (mode 0600): tokens outlive a
 * restart. Throws REGISTRY_KEY_UNUSABLE for a file that others may read, or that holds no key.
 */
export async function loadSigningKey(path: string): Promise<Uint8Array> {
  try {
    return await readKey(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  await makeKey(path)
  return readKey(path)
}

async function readKey(path: string): Promise<Uint8Array> {
  const key = await readFile(path)
  const { mode } = await stat(path)
  // whoever knows it can make tokens for every user
  if ((mode & 0o077) !== 0)
    throw failure('REGISTRY_KEY_UNUSABLE', { path, reason: 'others may read it: chmod 600' })
  if (key.length < keySize) {
    throw failure('REGISTRY_KEY_UNUSABLE', {
      path,
      reason: `it has fewer than ${keySize} bytes: remove it to get a new one`,
    })
  }
  return key
}

/** Whole and durable, or not at all; of two processes that make it at once, one wins. */
async function makeKey(path: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`
  try {
    {
      await using file = await open(temporary, 'wx', 0o600)
      await file.writeFile(randomBytes(keySize))
      await file.sync()
    }
    await link(temporary, path).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    })
    await using folder = await open(dirname(path))
    await folder.sync()
  } finally {
    await rm(temporary, { force: true })
  }
}
