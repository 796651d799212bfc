import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openFileStorage } from '../../src/registry/server/file-storage.ts'
import { MemoryStorage } from '../../src/registry/server/memory-storage.ts'
import { createRegistry } from '../../src/registry/server/registry.ts'
import type { RegistryOptions } from '../../src/registry/server/registry.ts'
import type { RegistryStorage } from '../../src/registry/server/storage.ts'

export interface StartRegistryOptions extends Omit<RegistryOptions, 'storage' | 'onLog'> {
  /** Default `memory`; `files` are in a temporary folder that goes with the registry. */
  readonly driver?: 'memory' | 'files'
  /** Most uploads open at once. */
  readonly maxUploads?: number
}

export interface StartedRegistry extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string
  /** `127.0.0.1:PORT`, as in references. */
  readonly host: string
  readonly storage: RegistryStorage
  /** The file driver's folder. */
  readonly root: string
  /** Log lines, parsed. */
  readonly log: readonly Readonly<Record<string, unknown>>[]
}

/** Our own registry on a free port of the loopback interface; deleting is allowed. */
export async function startRegistry(options: StartRegistryOptions = {}): Promise<StartedRegistry> {
  const { driver = 'memory', maxUploads = 1000, ...rest } = options
  const root = mkdtempSync(join(tmpdir(), 'mille-registry-'))
  const storage =
    driver === 'memory' ? new MemoryStorage({ maxUploads }) : openFileStorage(root, { maxUploads })
  const log: Readonly<Record<string, unknown>>[] = []
  const registry = await createRegistry({
    allowDelete: true,
    closeTimeout: 1000,
    ...rest,
    storage,
    onLog: (line) => log.push(JSON.parse(line) as Readonly<Record<string, unknown>>),
  })
  const { url, host } = await registry.listen('127.0.0.1', 0)
  return {
    url,
    host,
    storage,
    root,
    log,
    async [Symbol.asyncDispose]() {
      await registry.close()
      await storage[Symbol.asyncDispose]()
      rmSync(root, { recursive: true })
    },
  }
}
