import { createRegistry } from '../registry/server/registry.ts'
import { openFileStorage } from '../registry/server/file-storage.ts'
import type { ServedRegistry, ServeRegistryOptions } from './engine.ts'

/** A registry in `storage`, or in `root`, until the signal fires. */
export async function serveRegistry(options: ServeRegistryOptions, root: string): Promise<ServedRegistry> {
  const { signal, onLog, auth, limits = {} } = options
  signal.throwIfAborted()
  await using resources = new AsyncDisposableStack()
  const storage = resources.use(
    openFileStorage(options.storage ?? root, {
      ...(limits.uploads !== undefined && { maxUploads: limits.uploads }),
    }),
  )
  const registry = resources.use(
    await createRegistry({
      storage,
      allowDelete: options.delete ?? true,
      ...auth,
      ...(limits.uploadLifetime !== undefined && { uploadLifetime: limits.uploadLifetime }),
      ...(limits.connectionsPerAddress !== undefined && {
        maxConnectionsPerAddress: limits.connectionsPerAddress,
      }),
      ...(limits.idleTimeout !== undefined && { idleTimeout: limits.idleTimeout }),
      ...(limits.headerTimeout !== undefined && { headerTimeout: limits.headerTimeout }),
      ...(onLog !== undefined && { onLog }),
    }),
  )
  const { host, port } = options.listen ?? { host: '127.0.0.1', port: 5000 }
  const { url } = await registry.listen(host, port)
  const running = resources.move()
  const closed = (async () => {
    await aborted(signal)
    await running.disposeAsync()
  })()
  // who only wants the address must not be killed by a failing close
  closed.catch(() => {})
  return { url, closed }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
