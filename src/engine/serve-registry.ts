import { hostname, networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { loadSigningKey } from '../registry/server/access/signing-key.ts'
import { type Certificate, readCertificate, selfSignedCertificate } from '../registry/server/certificate.ts'
import { createRegistry } from '../registry/server/registry.ts'
import type { RegistryOptions } from '../registry/server/registry.ts'
import { openFileStorage } from '../registry/server/file-storage.ts'
import { type CollectRequest, serveControl } from '../registry/server/gc/control.ts'
import { CollectionSchedule } from '../registry/server/gc/schedule.ts'
import { NotesFile, type RepositoryNotes } from '../registry/server/search/repository-notes.ts'
import type { Namespaces } from '../registry/server/namespace-path.ts'
import type { RegistryStorage } from '../registry/server/storage.ts'
import type { AuthSettings, TlsSettings, UpstreamSettings } from '../registry/settings/registry-settings.ts'
import { makeFolders } from '../util/make-folders.ts'
import { defaultGrace } from './control-registry.ts'
import type { ServedRegistry, ServeRegistryOptions } from './engine.ts'
import { watchRegistry } from './watch-registry.ts'

/** A registry in its bucket, in its folder, or in `root`, until the signal fires. */
export async function serveRegistry(options: ServeRegistryOptions, root: string): Promise<ServedRegistry> {
  const { signal, onLog, limits = {}, publicUrl, access } = options
  const { host, port } = options.listen ?? { host: '127.0.0.1', port: 5000 }
  const folder = options.storage ?? root
  signal.throwIfAborted()
  // a registry in a bucket has one too, for what is its own
  makeFolders(folder, 0o700)
  await using resources = new AsyncDisposableStack()
  const kept = await openStorage(options, folder, resources)
  const { storage, namespaces } = await withUpstreams(options.upstreams ?? [], kept, resources)
  const watching = await watchRegistry(options, storage, resources)
  const registry = resources.use(
    await createRegistry({
      storage,
      allowDelete: options.delete ?? true,
      ...(await authOf(options.auth, folder)),
      ...(access !== undefined && { access }),
      ...(publicUrl !== undefined && { publicUrl }),
      ...(options.tls !== undefined && { tls: await certificateOf(options.tls, folder, [host, publicUrl]) }),
      ...(limits.uploadLifetime !== undefined && { uploadLifetime: limits.uploadLifetime }),
      ...(limits.connectionsPerAddress !== undefined && {
        maxConnectionsPerAddress: limits.connectionsPerAddress,
      }),
      ...(limits.idleTimeout !== undefined && { idleTimeout: limits.idleTimeout }),
      ...(limits.headerTimeout !== undefined && { headerTimeout: limits.headerTimeout }),
      ...(onLog !== undefined && { onLog }),
      notes: await openNotes(options, folder, resources),
      namespaces,
      observers: watching.observers,
    }),
  )
  const { url } = await registry.listen(host, port)
  const running = resources.move()
  const closed = (async () => {
    await aborted(signal)
    watching.close()
    await running.disposeAsync()
  })()
  // who only wants the address must not be killed by a failing close
  closed.catch(() => {})
  return { url, closed }
}

async function openStorage(
  { bucket, limits, gc = {}, retention = [], onLog }: ServeRegistryOptions,
  folder: string,
  resources: AsyncDisposableStack,
): Promise<RegistryStorage> {
  const most = limits?.uploads === undefined ? {} : { maxUploads: limits.uploads }
  if (bucket !== undefined) {
    const { openS3Storage } = await import('../registry/server/s3/s3-storage.ts')
    return resources.use(await openS3Storage({ ...bucket, ...most }))
  }
  const storage = resources.use(openFileStorage(folder, most))
  const { interval = 86_400_000, grace = defaultGrace } = gc
  const every = interval === 'off' ? undefined : interval
  const schedule = resources.use(
    new CollectionSchedule(storage, { interval: every, grace, retention, onLog }),
  )
  const control = {
    collect: (request: CollectRequest) => schedule.collect(request),
    scrub: () => storage.scrub(),
  }
  resources.use(await serveControl(folder, control))
  return storage
}

async function openNotes(
  { bucket }: ServeRegistryOptions,
  folder: string,
  resources: AsyncDisposableStack,
): Promise<RepositoryNotes> {
  if (bucket === undefined) return new NotesFile(join(folder, 'notes.json'))
  const [{ Bucket }, { BucketNotes }] = await Promise.all([
    import('../registry/server/s3/bucket.ts'),
    import('../registry/server/search/bucket-notes.ts'),
  ])
  const opened = await Bucket.open(bucket)
  resources.defer(() => opened.close())
  return new BucketNotes(opened)
}

async function authOf(
  auth: AuthSettings | undefined,
  folder: string,
): Promise<Pick<RegistryOptions, 'htpasswd' | 'anonymousPull' | 'tokens'>> {
  if (auth === undefined) return {}
  const { htpasswd, anonymousPull = false, tokens = true, signingKey, tokenLifetime, refreshLifetime } = auth
  if (!tokens) return { htpasswd, anonymousPull }
  return {
    htpasswd,
    anonymousPull,
    tokens: {
      key: await loadSigningKey(signingKey ?? join(folder, 'token.key')),
      ...(tokenLifetime !== undefined && { lifetime: tokenLifetime }),
      ...(refreshLifetime !== undefined && { refreshLifetime }),
    },
  }
}

/** One that is made here is for all names by which this machine may be called. */
async function certificateOf(
  tls: TlsSettings,
  folder: string,
  [host, publicUrl]: readonly [string, string | undefined],
): Promise<Certificate> {
  if (tls !== 'self-signed') return readCertificate(tls)
  const isAnyAddress = host === '0.0.0.0' || host === '::'
  const addresses = isAnyAddress
    ? Object.values(networkInterfaces()).flatMap((found = []) =>
        // an address with a scope is of use to this machine alone
        found.filter(({ scopeid = 0 }) => scopeid === 0).map(({ address }) => address),
      )
    : [host]
  const named = publicUrl === undefined ? [] : [new URL(publicUrl).hostname.replace(/^\[|\]$/g, '')]
  return selfSignedCertificate(join(folder, 'tls'), [
    ...new Set(['localhost', '127.0.0.1', hostname(), ...addresses, ...named]),
  ])
}

/** The storage as it is, or with what is fetched from other registries. */
async function withUpstreams(
  upstreams: readonly UpstreamSettings[],
  storage: RegistryStorage,
  resources: AsyncDisposableStack,
): Promise<{ readonly storage: RegistryStorage; readonly namespaces: Namespaces }> {
  if (upstreams.length === 0) return { storage, namespaces: new Map() }
  const [
    { createRegistryClient },
    { openUpstreams, upstreamLogins, upstreamNamespaces },
    { PullThroughStorage },
  ] = await Promise.all([
    import('../registry/client/registry-client.ts'),
    import('../registry/server/pull-through/upstreams.ts'),
    import('../registry/server/pull-through/pull-through-storage.ts'),
  ])
  const client = resources.use(createRegistryClient({ logins: upstreamLogins(upstreams) }))
  const through = resources.use(new PullThroughStorage(storage, openUpstreams(upstreams, client)))
  return { storage: through, namespaces: upstreamNamespaces(upstreams) }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
