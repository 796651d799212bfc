import { rmSync } from 'node:fs'
import { join } from 'node:path'
import type { ContainerHandle } from '../runtime/runtime.ts'
import type { LockOptions, Store } from '../store/store.ts'
import type { ContainerParts } from './parts.ts'

/** Where the runtime and the monitor keep a container's files. */
export function handleOf({ store, stateFolder }: ContainerParts, id: string): ContainerHandle {
  return { id, folder: join(store.root, 'containers', id), runFolder: join(stateFolder, 'containers', id) }
}

export function removeFolders(parts: ContainerParts, id: string): void {
  const { folder, runFolder } = handleOf(parts, id)
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
