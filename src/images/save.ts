import type { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isIndexType } from '../oci/media-types.ts'
import { memberOf, platformOfConfig } from '../store/find-member.ts'
import type { Store } from '../store/store.ts'
import { writeTar } from '../tar/writer.ts'
import type { OpOptions } from '../util/progress.ts'
import type { NamedImage } from '../store/find-image.ts'
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
  const roots = [...Map.groupBy(images, ({ record }) => record.id).values()].map((group) =>
    rootOf(store, group),
  )
  await pipeline(writeTar(archiveMembers(store, roots)), sink, { signal: options.signal })
}

/** Readers of Docker's layout alone get the image of this machine, as they know nothing of an index. */
function rootOf(store: Store, group: readonly NamedImage[]): ArchiveRoot {
  const { record } = group[0] as NamedImage
  const names = group.flatMap(({ name }) => (name !== undefined && !name.includes('@') ? [name] : []))
  const root = { target: record.manifest, names: [...new Set(names)] }
  if (!isIndexType(record.manifest.mediaType))
    return { ...root, docker: record.manifest, platform: platformOfConfig(record) }
  return { ...root, docker: memberOf(store.images, record).manifest }
}
