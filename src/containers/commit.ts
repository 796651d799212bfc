import type { ImageConfig } from '../oci/config.ts'
import type { Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, type Digest } from '../oci/digest.ts'
import type { Manifest } from '../oci/manifest.ts'
import { mediaTypes } from '../oci/media-types.ts'
import { canonicalName, familiarReference, parseReference } from '../oci/reference.ts'
import { ensureApplied } from '../store/ensure-applied.ts'
import type { ImageRecord, LayerInfo, Store } from '../store/store.ts'
import { memberOf } from '../store/find-member.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { recordEvent } from './container-events.ts'
import type { CommitRequest } from './containers.ts'
import { handleOf } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { volumesLayer } from './volume/volumes-layer.ts'
import { getContainer, snapshotKey, type ContainerRow } from './record.ts'

/**
 * A container's writable layer on top of its image, as a new image; true file times, as Docker's commit keeps them.
 * Paused meanwhile by default. Volumes are part of it only when asked for.
 */
export async function commitContainer(
  parts: ContainerParts,
  nameOrId: string,
  request: CommitRequest,
): Promise<Digest> {
  const { store } = parts
  const row = getContainer(store, nameOrId)
  const found = store.images.get(row.data.imageId)
  if (!found) throw failure('NO_SUCH_IMAGE', { reference: row.data.imageId })
  const image = memberOf(store.images, found, row.data.request.platform)
  const name = request.reference === undefined ? undefined : nameOfCommit(request.reference)
  await using lease = await store.lease(`commit ${row.id}`)
  lease.hold({ kind: 'image', id: image.id })
  await using _paused = await pausedWhile(parts, row, request.pause !== false)
  // the container's own stack has a layer of mount points that belongs to no image
  const onto = { chain: await ensureApplied(store, image.config.rootfs.diff_ids, { lease }) }
  const commit = await store.snapshots.commit(snapshotKey(row.id), { timestamps: 'preserve', lease, onto })
  const volumes = request.includeVolumes === true ? await volumesLayer(parts, row, lease) : undefined
  const config = await committedConfig(parts, row, image, { changes: commit?.layer, volumes }, request)
  const made = [commit?.layer, volumes].filter((layer) => layer !== undefined)
  const record = await store.images.create(
    {
      config,
      layers: [...(await layersOf(store, image)), ...made.map(plainLayer)],
      parent: image.id,
      ...(name !== undefined && { names: [name] }),
    },
    lease,
  )
  recordEvent(parts, row, 'commit', {
    comment: request.message ?? '',
    imageID: record.id,
    imageRef: name === undefined ? '' : familiarReference(parseReference(name)),
  })
  return record.id
}

function nameOfCommit(text: string): string {
  if (parseReference(text).digest !== undefined)
    throw failure('REFERENCE_INVALID', { reason: 'a commit cannot be named by digest' })
  return canonicalName(text)
}

/** A container that runs holds still while its files are read; it goes on whatever happens here. */
async function pausedWhile(
  parts: ContainerParts,
  row: ContainerRow,
  wanted: boolean,
): Promise<AsyncDisposable> {
  const handle = handleOf(parts, row.id)
  const running = row.data.phase === 'started' && (await parts.runtime.state(handle)).status === 'running'
  if (!wanted || !running) return { [Symbol.asyncDispose]: async () => {} }
  try {
    await parts.runtime.pause(handle)
    return { [Symbol.asyncDispose]: () => parts.runtime.resume(handle) }
  } catch (error) {
    // without control groups nothing can be held still: as with `--pause=false`
    if (!isMilleError(error, 'PAUSE_UNAVAILABLE')) throw error
    return { [Symbol.asyncDispose]: async () => {} }
  }
}

/** The base's layers in the form it has them: pulled ones stay compressed blobs. */
async function layersOf(store: Store, image: ImageRecord): Promise<readonly Descriptor[]> {
  return (JSON.parse((await store.content.read(image.manifest.digest)).toString()) as Manifest).layers
}

function plainLayer(layer: LayerInfo): Descriptor {
  return { mediaType: mediaTypes.ociLayer, digest: diffIdAsDigest(layer.diffId), size: layer.size }
}

async function committedConfig(
  parts: ContainerParts,
  row: ContainerRow,
  image: ImageRecord,
  { changes, volumes }: { readonly changes: LayerInfo | undefined; readonly volumes: LayerInfo | undefined },
  request: CommitRequest,
): Promise<ImageConfig> {
  const created = new Date().toISOString()
  const { author, message } = request
  const { config: _config, history = [], rootfs, ...rest } = image.config
  return {
    ...rest,
    created,
    ...(author !== undefined && { author }),
    config: await parts.applyChanges(row.data.config, request.changes ?? []),
    rootfs: {
      type: 'layers',
      diff_ids: [...rootfs.diff_ids, ...[changes, volumes].flatMap((layer) => layer?.diffId ?? [])],
    },
    history: [
      ...history,
      {
        created,
        created_by: row.data.args.join(' '),
        ...(author !== undefined && { author }),
        ...(message !== undefined && { comment: message }),
        ...(!changes && { empty_layer: true }),
      },
      ...(volumes ? [{ created, created_by: 'volumes of the container' }] : []),
    ],
  }
}
