import type { Readable } from 'node:stream'
import type { ContainerConfig, ImageConfig } from '../oci/config.ts'
import type { Digest } from '../oci/digest.ts'
import { hostPlatform } from '../oci/platform.ts'
import { formatReference, parseReference, withDefaultTag } from '../oci/reference.ts'
import type { Store } from '../store/store.ts'
import { openArchive } from './open-archive.ts'
import { failure } from '../util/errors.ts'
import type { ImportOptions } from './images.ts'

/**
 * A root file system tar (plain or compressed) as an image of one layer, its bytes kept exactly. Constant times in the
 * config: the same tar gives the same image.
 */
export async function importImage(
  store: Store,
  applyChanges: (config: ContainerConfig, changes: readonly string[]) => Promise<ContainerConfig>,
  source: Readable,
  options: ImportOptions,
): Promise<Digest> {
  const name = options.reference === undefined ? undefined : importName(options.reference)
  const config = await applyChanges({}, options.changes ?? [])
  await using lease = await store.lease('import')
  const tar = await openArchive(source, { signal: options.signal })
  const layer = await store.layers.ingest(tar, { lease, signal: options.signal })
  const chain = await store.snapshots.apply(layer.diffId, undefined, { lease, signal: options.signal })
  lease.hold({ kind: 'chain', chain })
  const { os, architecture, variant } = options.platform ?? hostPlatform()
  const created = new Date(0).toISOString()
  const image: ImageConfig = {
    created,
    architecture,
    os,
    ...(variant !== undefined && { variant }),
    config,
    rootfs: { type: 'layers', diff_ids: [layer.diffId] },
    history: [{ created, comment: options.message ?? 'Imported from -' }],
  }
  const record = await store.images.create(
    { config: image, ...(name !== undefined && { names: [name] }) },
    lease,
  )
  return record.id
}

function importName(text: string): string {
  const reference = parseReference(text)
  if (reference.digest !== undefined)
    throw failure('REFERENCE_INVALID', { reason: 'cannot import digest reference' })
  return formatReference(withDefaultTag(reference))
}
