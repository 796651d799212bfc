import { readdir, stat } from 'node:fs/promises'
import { copyTreeIntoFolder } from '../../linux/copy-tree.ts'
import { isMilleError } from '../../util/errors.ts'
import type { ContainerRequest } from '../containers.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerRow } from '../record.ts'
import { lendMounts } from './lend-mounts.ts'
import { markFilled, type VolumeData } from './volumes.ts'

/**
 * First use of an empty volume: the image's files at the mount target are copied in, owners, modes and times with them
 * (A65). The target is resolved inside the root by handle: a VOLUME path that is a link out of it copies nothing of
 * the host (CVE-2022-23648). What a volume's options name may be empty again at any time, as a tmpfs is.
 */
export async function fillVolumes(
  parts: ContainerParts,
  row: Pick<ContainerRow, 'id' | 'data'>,
  rootfs: string,
): Promise<void> {
  const { store } = parts
  for (const mount of row.data.mounts) {
    if (mount.type !== 'volume' || mount.name === undefined || wantsNoCopy(row.data.request, mount.target))
      continue
    await using _lock = await store.lock(`volume-${mount.name}`)
    const volume = store.records<VolumeData>('volume').get(mount.name)
    const isPlain = Object.keys(volume?.data.options ?? {}).length === 0
    if (volume === undefined || (isPlain && volume.data.filled)) continue
    try {
      await using lent = await lendMounts(parts, row, [mount])
      const folder = lent.mounts[0]?.source ?? ''
      if (await isEmptyFolder(folder)) copyTreeIntoFolder(rootfs, mount.target, folder)
    } catch (error) {
      // the start will say it
      if (!isMilleError(error, 'SUBPATH_INVALID')) throw error
    }
    if (isPlain) markFilled(store, mount.name)
  }
}

async function isEmptyFolder(path: string): Promise<boolean> {
  return (await stat(path)).isDirectory() && (await readdir(path)).length === 0
}

function wantsNoCopy(request: ContainerRequest, target: string): boolean {
  return request.mounts.some((mount) => mount.target === target && mount.noCopy === true)
}
