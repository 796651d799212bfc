import { readdir } from 'node:fs/promises'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import type { Store } from '../../store/store.ts'
import type { ContainerRequest } from '../containers.ts'
import type { ContainerData } from '../record.ts'
import { markFilled, type VolumeData } from './volumes.ts'

/**
 * First use of an empty volume: the image's files at the mount target are copied in, owners, modes and times with them
 * (A65). The target is resolved inside the root by handle: a VOLUME path that is a link out of it copies nothing of
 * the host (CVE-2022-23648).
 */
export async function fillVolumes(store: Store, data: ContainerData, rootfs: string): Promise<void> {
  for (const mount of data.mounts) {
    if (mount.type !== 'volume' || mount.name === undefined || wantsNoCopy(data.request, mount.target))
      continue
    await using _lock = await store.lock(`volume-${mount.name}`)
    const volume = store.records<VolumeData>('volume').get(mount.name)
    if (volume?.data.filled !== false) continue
    if ((await readdir(mount.source)).length === 0) copyTreeIntoFolder(rootfs, mount.target, mount.source)
    markFilled(store, mount.name)
  }
}

function wantsNoCopy(request: ContainerRequest, target: string): boolean {
  return request.mounts.some((mount) => mount.target === target && mount.noCopy === true)
}
