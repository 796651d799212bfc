import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { unmountBelow } from '../linux/unmount-below.ts'
import type { ContainerHandle, LogFolders } from '../runtime/runtime.ts'
import type { LockOptions, Store } from '../store/store.ts'
import type { ContainerParts } from './parts.ts'

/** Where the runtime and the monitor keep a container's files. */
export function handleOf(parts: ContainerParts, id: string): ContainerHandle {
  const { logs, runs } = containerFolders(parts)
  return { id, folder: join(logs, id), runFolder: join(runs, id) }
}

/** Where the folders of all containers lie. */
export function containerFolders({ store, stateFolder }: ContainerParts): LogFolders {
  return { logs: join(store.root, 'containers'), runs: join(stateFolder, 'containers') }
}

export function removeFolders(parts: ContainerParts, id: string): void {
  const { folder, runFolder } = handleOf(parts, id)
  // what is bound there is a volume's: never to be removed with the folder
  for (const name of ['subpaths', 'shm']) {
    if (existsSync(join(runFolder, name))) unmountBelow(join(runFolder, name))
  }
  for (const path of [runFolder, folder]) rmSync(path, { recursive: true, force: true })
}

export function logPathOf(store: Store, id: string): string {
  return join(store.root, 'containers', id, 'container.log')
}

/** One process at a time changes a container's state. */
export function lockContainer(store: Store, id: string, options?: LockOptions): Promise<AsyncDisposable> {
  const lasting = (): boolean => store.records('container').get(id) !== undefined
  return store.lock(`container-${id}`, { ...options, lasting })
}
