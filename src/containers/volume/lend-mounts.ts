import type { ChainId, Digest } from '../../oci/digest.ts'
import { closeSync, fstatSync, lstatSync, mkdirSync, rmdirSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { mount as mountCall, mountFlags } from '../../linux/mount.ts'
import { openPathInRoot } from '../../linux/open-in-root.ts'
import { unmountBelow } from '../../linux/unmount-below.ts'
import { ensureApplied } from '../../store/ensure-applied.ts'
import { memberOf } from '../../store/find-member.ts'
import type { Lease, Resource, Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { ContainerMount } from '../containers.ts'
import { memoryPath } from '../create/ipc-mode.ts'
import { handleOf } from '../handle.ts'
import type { ContainerParts } from '../parts.ts'
import { hasProcess, type ContainerData, type ContainerRow } from '../record.ts'
import { mountVolume, releaseVolume } from './volume-mount.ts'

export interface LentMount extends ContainerMount {
  /** What a bind of it must say again, in words of mount(8). */
  readonly options?: readonly string[]
}

/** Mounts whose `source` is what is to be bound, there until this is disposed of. */
export interface LentMounts extends AsyncDisposable {
  readonly mounts: readonly LentMount[]
}

/**
 * Makes what a container's mounts lead to: volumes with options are mounted, images laid out read-only, and of a subpath
 * the very file or folder that was looked up is held, so that nobody who writes to the volume can put a link to the host in
 * its place meanwhile (CVE-2021-25741, CVE-2017-1002101). VOLUME_MOUNT_FAILED, SUBPATH_INVALID, NO_SUCH_IMAGE.
 */
export async function lendMounts(
  parts: ContainerParts,
  row: Pick<ContainerRow, 'id' | 'data'>,
  wanted: readonly ContainerMount[] = row.data.mounts,
): Promise<LentMounts> {
  await using stack = new AsyncDisposableStack()
  const mounts: LentMount[] = []
  for (const [index, mount] of wanted.entries()) {
    let { source } = mount
    let options: readonly string[] = []
    if (mount.type === 'volume' && mount.name !== undefined) {
      const { name } = mount
      stack.defer(() => releaseVolume(parts.store, name))
      options = await mountVolume(parts.store, name)
    }
    if (mount.image !== undefined) {
      const key = imageKey(row.id, index)
      // where images are plain copies, a process would lose its files with the view: then its end takes it away
      stack.defer(async () => {
        if (!isLive(parts.store, row.id)) await forgetView(parts, key)
      })
      await forgetView(parts, key)
      await using lease = await parts.store.lease('image mount')
      const chain = await chainOf(parts.store, mount.image.id, mount.name ?? '', lease)
      source = (await parts.store.snapshots.view(key, chain)).path
    }
    if (mount.subpath !== undefined) {
      const place = join(handleOf(parts, row.id).runFolder, 'subpaths', String(index))
      source = stack.adopt(holdSubpath(source, mount.subpath, place), letSubpath)
    }
    mounts.push({ ...mount, source, readonly: mount.readonly || options.includes('ro'), options })
  }
  const moved = stack.move()
  return { mounts, [Symbol.asyncDispose]: () => moved.disposeAsync() }
}

/** What a process that was killed left of `lendMounts`, volumes that nobody has any more, and the memory that others might have joined. */
export async function releaseMounts(parts: ContainerParts, { id, data }: ContainerRow): Promise<void> {
  unmountBelow(join(handleOf(parts, id).runFolder, 'subpaths'))
  if (data.request.ipc === 'shareable') unmountBelow(memoryPath(parts, id))
  const hasImages = data.mounts.some(({ image }) => image !== undefined)
  for (const [index, { type, name }] of data.mounts.entries()) {
    if (type === 'volume' && name !== undefined) await releaseVolume(parts.store, name, id)
    if (hasImages) await forgetView(parts, imageKey(id, index))
  }
}

/** For the record of a new container: the images that it mounts, and their layers; `lease` has them until it is there. */
export async function holdImageMounts(
  store: Store,
  mounts: readonly ContainerMount[],
  lease: Lease,
): Promise<Resource[]> {
  const holds: Resource[] = []
  for (const { image, name = '' } of mounts) {
    if (image === undefined) continue
    lease.hold({ kind: 'image', id: image.id })
    const chain = await chainOf(store, image.id, name, lease)
    holds.push({ kind: 'image', id: image.id }, ...(chain ? [{ kind: 'chain', chain } as const] : []))
  }
  return holds
}

async function chainOf(store: Store, id: Digest, name: string, lease: Lease): Promise<ChainId | undefined> {
  const found = store.images.get(id)
  if (!found) throw failure('NO_SUCH_IMAGE', { reference: name })
  return await ensureApplied(store, memberOf(store.images, found).config.rootfs.diff_ids, { lease })
}

function isLive(store: Store, id: string): boolean {
  const row = store.records<ContainerData>('container').get(id)
  return row !== undefined && hasProcess(row.data)
}

function imageKey(id: string, index: number): string {
  return `mount-${id}-${index}`
}

async function forgetView({ store }: ContainerParts, key: string): Promise<void> {
  await store.snapshots.remove(key).catch((error: unknown) => {
    if (!isMilleError(error, 'SNAPSHOT_NOT_FOUND')) throw error
  })
}

/** Binds the file or folder that is at `subpath` now to `place`. */
function holdSubpath(root: string, subpath: string, place: string): string {
  let handle: number
  try {
    handle = openPathInRoot(root, subpath)
  } catch (cause) {
    throw failure('SUBPATH_INVALID', { path: join(root, subpath), subpath }, { cause })
  }
  try {
    letSubpath(place)
    mkdirSync(join(place, '..'), { recursive: true, mode: 0o700 })
    if (fstatSync(handle).isDirectory()) mkdirSync(place)
    else writeFileSync(place, '', { mode: 0o600 })
    mountCall({
      source: `/proc/self/fd/${handle}`,
      target: place,
      flags: mountFlags.bind | mountFlags.recursive,
    })
    return place
  } finally {
    closeSync(handle)
  }
}

function letSubpath(place: string): void {
  unmountBelow(place)
  const there = lstatSync(place, { throwIfNoEntry: false })
  // never what lies in it: were it still mounted, that would be the volume's
  if (there?.isDirectory() === true) rmdirSync(place)
  else if (there !== undefined) unlinkSync(place)
}
