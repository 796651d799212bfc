import { posix } from 'node:path'
import { handleOf, lockContainer } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer, snapshotKey } from './record.ts'
import { settleLocked } from './life/settle.ts'
import { lendMounts } from './volume/lend-mounts.ts'

/** A folder of the host in which a container's path is resolved as inside a chroot. */
export interface ContainerPlace {
  readonly root: string
  /** Absolute in `root`. */
  readonly path: string
  readonly readonly: boolean
}

/**
 * Lends the place of `path` to `work`. A running container is seen through its first process, volumes and all; of a
 * stopped one the snapshot is mounted meanwhile, and paths below a volume or bind mount lead to its source.
 */
export async function withContainerPlace<Result>(
  parts: ContainerParts,
  nameOrId: string,
  path: string,
  work: (place: ContainerPlace) => Promise<Result>,
): Promise<Result> {
  const { id } = getContainer(parts.store, nameOrId)
  await using locks = new AsyncDisposableStack()
  locks.use(await lockContainer(parts.store, id))
  const { data } = await settleLocked(parts, id)
  const state = data.phase === 'started' ? await parts.runtime.state(handleOf(parts, id)) : undefined
  if (state && 'pid' in state) {
    // long copies must not keep others from stopping the container
    await locks.disposeAsync()
    return await work({ root: `/proc/${state.pid}/root`, path, readonly: false })
  }
  const clean = posix.normalize(posix.join('/', path))
  const mount = data.mounts.findLast(({ target }) => clean === target || clean.startsWith(`${target}/`))
  if (mount && mount.type !== 'tmpfs') {
    await using lent = await lendMounts(parts, { id, data }, [mount])
    const rest = posix.join('/', path).slice(mount.target.length) || '/'
    return await work({ root: lent.mounts[0]?.source ?? '', path: rest, readonly: mount.readonly })
  }
  return await withSnapshot(parts, id, (root) => work({ root, path, readonly: data.request.readonlyRootfs }))
}

async function withSnapshot<Result>(
  { store }: ContainerParts,
  id: string,
  work: (root: string) => Promise<Result>,
): Promise<Result> {
  const { path } = await store.snapshots.mount(snapshotKey(id))
  try {
    return await work(path)
  } finally {
    await store.snapshots.unmount(snapshotKey(id))
  }
}

/** The root folder alone, without volumes, for `export`; mounted while `work` runs when it is not anyway. */
export async function withContainerRoot<Result>(
  parts: ContainerParts,
  nameOrId: string,
  work: (root: string) => Promise<Result>,
): Promise<Result> {
  const { id } = getContainer(parts.store, nameOrId)
  await using locks = new AsyncDisposableStack()
  locks.use(await lockContainer(parts.store, id))
  const { data } = await settleLocked(parts, id)
  if (data.phase !== 'started' && data.phase !== 'prepared') return await withSnapshot(parts, id, work)
  // a long export must not keep others from stopping the container
  await locks.disposeAsync()
  return await work((await parts.store.snapshots.mount(snapshotKey(id))).path)
}
