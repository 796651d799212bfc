import { createRegistry } from '../registry/server/registry.ts'
import { openFileStorage } from '../registry/server/file-storage.ts'
import type { RegistryStorage } from '../registry/server/storage.ts'
import type { RegistrySettings } from '../registry/settings/registry-settings.ts'
import type { ServedRegistry, ServeRegistryOptions } from './engine.ts'

/** A registry in its bucket, in its folder, or in `root`, until the signal fires. */
export async function serveRegistry(options: ServeRegistryOptions, root: string): Promise<ServedRegistry> {
  const { signal, onLog, auth, limits = {} } = options
  signal.throwIfAborted()
  await using resources = new AsyncDisposableStack()
  const storage = resources.use(await openStorage(options, root))
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

async function openStorage(
  { storage, bucket, limits }: RegistrySettings,
  root: string,
): Promise<RegistryStorage> {
  const most = limits?.uploads === undefined ? {} : { maxUploads: limits.uploads }
  if (bucket === undefined) return openFileStorage(storage ?? root, most)
  const { openS3Storage } = await import('../registry/server/s3/s3-storage.ts')
  return openS3Storage({ ...bucket, ...most })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
