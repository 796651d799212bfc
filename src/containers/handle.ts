import { join } from 'node:path'
import type { ContainerHandle } from '../runtime/runtime.ts'
import type { LockOptions, Store } from '../store/store.ts'

/** Where the runtime and the monitor keep a container's files. */
export async function handleOf(store: Store, id: string): Promise<ContainerHandle> {
  return { id, folder: await store.folder('containers', id) }
}

export function logPathOf(store: Store, id: string): string {
  return join(store.root, 'containers', id, 'container.log')
}

/** One process at a time changes a container's state. */
export function lockContainer(store: Store, id: string, options?: LockOptions): Promise<AsyncDisposable> {
  const lasting = (): boolean => store.records('container').get(id) !== undefined
  return store.lock(`container-${id}`, { ...options, lasting })
}
