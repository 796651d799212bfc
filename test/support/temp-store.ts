import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { OpenStoreOptions } from '../../src/store/open-store.ts'
import { openStore } from '../../src/store/open-store.ts'
import type { Store } from '../../src/store/store.ts'
import { umount } from './umount.ts'

/** A store in a fresh folder; disposing closes it, unmounts what it mounted and removes the folder. */
export async function openTempStore(options?: OpenStoreOptions): Promise<Store> {
  const root = await mkdtemp(join(tmpdir(), 'mille-store-'))
  const store = await openStore(root, options)
  const close = store[Symbol.asyncDispose].bind(store)
  return Object.assign(store, {
    async [Symbol.asyncDispose](): Promise<void> {
      await close()
      umount(root)
      await rm(root, { recursive: true, force: true })
    },
  })
}
