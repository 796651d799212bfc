import { rmSync } from 'node:fs'
import { chmod, chown, mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mountMemoryFolder } from '../../linux/memory-folder.ts'
import { unmount, unmountFlags } from '../../linux/mount.ts'
import { currentFolder } from '../../linux/openat2.ts'
import { isMountRoot } from '../../linux/statx.ts'
import type { ProcessMount, ProcessSecrets, ProcessSpec, SecretFile } from '../runtime.ts'

/**
 * Turns the step's folder into one that lives in memory and puts the secrets there; the specification that comes back
 * names them as ordinary mounts and variables. `removeFolder` ends it.
 */
export async function placeSecrets(
  folder: string,
  spec: ProcessSpec,
  { env, files }: ProcessSecrets,
): Promise<ProcessSpec> {
  await mkdir(folder, { recursive: true, mode: 0o700 })
  mountMemoryFolder(folder)
  const place = join(folder, 'secrets')
  await mkdir(place, { mode: 0o700 })
  await mkdir(join(folder, 'state'), { mode: 0o700 })
  const mounts = await Promise.all(files.map((file, index) => placeFile(join(place, String(index)), file)))
  return { ...spec, env: [...spec.env, ...env], mounts: [...spec.mounts, ...mounts] }
}

async function placeFile(
  source: string,
  { target, content, mode, uid, gid }: SecretFile,
): Promise<ProcessMount> {
  await writeFile(source, content, { mode: 0o600 })
  await chown(source, uid, gid)
  await chmod(source, mode)
  return { type: 'bind', source, target, readonly: true, options: ['nosuid', 'nodev', 'noexec'] }
}

/** Removes a step's folder with the memory it may be. */
export function removeFolder(folder: string): void {
  if (isMountRoot(currentFolder, folder)) detach(folder)
  rmSync(folder, { recursive: true, force: true })
}

function detach(folder: string): void {
  try {
    unmount(folder, unmountFlags.detach)
  } catch (error) {
    // another process removes the same leftovers
    if (isMountRoot(currentFolder, folder)) throw error
  }
}
