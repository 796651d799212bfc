import type { RegistryObserver } from '../registry/server/operations/observer.ts'
import type { RegistryStorage } from '../registry/server/storage.ts'
import type { ServeRegistryOptions } from './engine.ts'

export interface Watching {
  readonly observers: readonly RegistryObserver[]
  /** The registry takes no more requests. */
  readonly close: () => void
}

/** What the settings ask for: metrics and health at an address of their own, and webhooks. */
export async function watchRegistry(
  { operations, webhooks = [], onLog }: Pick<ServeRegistryOptions, 'operations' | 'webhooks' | 'onLog'>,
  storage: RegistryStorage,
  resources: AsyncDisposableStack,
): Promise<Watching> {
  if (operations === undefined && webhooks.length === 0) return { observers: [], close: () => {} }
  const { Webhooks } = await import('../registry/server/operations/webhooks.ts')
  const hooks = resources.adopt(new Webhooks(webhooks, { onLog }), (one) => one.close())
  if (operations === undefined) return { observers: [hooks], close: () => {} }
  const [{ Metrics }, { OperationsServer }] = await Promise.all([
    import('../registry/server/operations/metrics.ts'),
    import('../registry/server/operations/operations-server.ts'),
  ])
  const metrics = new Metrics()
  const refresh = (): void => metrics.waiting(hooks.waiting)
  const server = resources.use(new OperationsServer({ metrics, storage, refresh }))
  await server.listen(operations)
  return { observers: [hooks, metrics], close: () => server.close() }
}
