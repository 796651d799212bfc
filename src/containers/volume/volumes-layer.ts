import { closeSync, constants } from 'node:fs'
import { Readable } from 'node:stream'
import { currentFolder, openat2 } from '../../linux/openat2.ts'
import type { LayerInfo, Lease } from '../../store/store.ts'
import { tarOfTree } from '../../store/tree/tar-of-tree.ts'
import { writeTar, type TarSource } from '../../tar/writer.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerRow } from '../record.ts'
import { lendMounts, type LentMount } from './lend-mounts.ts'

/** What a container's volumes hold as a layer, each at its place; undefined when it has none. */
export async function volumesLayer(
  parts: ContainerParts,
  row: ContainerRow,
  lease: Lease,
): Promise<LayerInfo | undefined> {
  const volumes = row.data.mounts.filter(({ type }) => type === 'volume')
  if (volumes.length === 0) return undefined
  await using lent = await lendMounts(parts, row, volumes)
  return await parts.store.layers.ingest(Readable.from(writeTar(members(lent.mounts))), { lease })
}

async function* members(mounts: readonly LentMount[]): AsyncGenerator<TarSource> {
  for (const { source, target } of mounts) {
    const handle = openat2(currentFolder, source, constants.O_RDONLY, 0)
    try {
      yield* tarOfTree(handle, '', target.slice(1))
    } finally {
      closeSync(handle)
    }
  }
}
