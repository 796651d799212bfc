import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Platform } from '../oci/platform.ts'
import type { ImageRecord, Store } from '../store/store.ts'
import { writeTar } from '../tar/writer.ts'
import type { OpOptions } from '../util/progress.ts'
import type { NamedImage } from './names.ts'
import { archiveMembers, type ArchiveRoot } from './write-archive.ts'

/** An archive that is an OCI layout and a Docker archive at once (A03), as `archiveMembers` orders it. */
export async function saveImages(
  store: Store,
  images: readonly NamedImage[],
  sink: Writable,
  options: OpOptions = {},
): Promise<void> {
  await using lease = await store.lease('save')
  for (const { record } of images) lease.hold({ kind: 'image', id: record.id })
  const roots = [...Map.groupBy(images, ({ record }) => record.id).values()].map(rootOf)
  await pipeline(writeTar(archiveMembers(store, roots)), sink, { signal: options.signal })
}

function rootOf(group: readonly NamedImage[]): ArchiveRoot {
  const { record } = group[0] as NamedImage
  const names = group.flatMap(({ name }) => (name !== undefined && !name.includes('@') ? [name] : []))
  return {
    target: record.manifest,
    docker: record.manifest,
    platform: platformOf(record),
    names: [...new Set(names)],
  }
}

function platformOf({ config: { os, architecture, variant } }: ImageRecord): Platform {
  return { os, architecture, ...(variant !== undefined && { variant }) }
}
