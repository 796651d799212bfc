import type { ImageConfig } from '../../src/oci/config.ts'
import { diffIdAsDigest, type Digest } from '../../src/oci/digest.ts'
import type { Descriptor } from '../../src/oci/descriptor.ts'
import type { ImageUsers } from '../../src/images/images.ts'
import { mediaTypes } from '../../src/oci/media-types.ts'
import type { ImageRecord, LayerEntry, Store } from '../../src/store/store.ts'

export interface StoreImageOptions {
  /** Canonical names. */
  readonly names?: readonly string[]
  /** The image it is built on: its layers lie below, its history comes first. */
  readonly parent?: ImageRecord
  readonly labels?: Readonly<Record<string, string>>
}

/** An image in the store with one layer of files (path to text; null is a whiteout) on those of its parent. */
export async function storeImage(
  store: Store,
  files: Readonly<Record<string, string | null>>,
  { names = [], parent, labels }: StoreImageOptions = {},
): Promise<ImageRecord> {
  await using lease = await store.lease('test')
  const layer = await store.layers.write(
    Object.entries(files).map(([path, text]) => entry(path, text)),
    { lease },
  )
  const added: Descriptor = {
    mediaType: mediaTypes.ociLayer,
    digest: diffIdAsDigest(layer.diffId),
    size: layer.size,
  }
  const below = parent ? await readLayers(store, parent) : []
  const config: ImageConfig = {
    architecture: 'amd64',
    os: 'linux',
    config: { ...(labels && { Labels: labels }) },
    rootfs: { type: 'layers', diff_ids: [...(parent?.config.rootfs.diff_ids ?? []), layer.diffId] },
    history: [...(parent?.config.history ?? []), { created_by: `made ${Object.keys(files).join(' ')}` }],
  }
  const draft = { config, names, layers: [...below, added], ...(parent && { parent: parent.id }) }
  return await store.images.create(draft, lease)
}

async function readLayers(store: Store, { manifest }: ImageRecord): Promise<readonly Descriptor[]> {
  const { layers } = JSON.parse((await store.content.read(manifest.digest)).toString()) as {
    layers: readonly Descriptor[]
  }
  return layers
}

function entry(path: string, text: string | null): LayerEntry {
  const common = { path, uid: 0, gid: 0, mtime: 0n }
  if (text === null) return { ...common, type: 'whiteout', mode: 0 }
  const bytes = Buffer.from(text)
  return { ...common, type: 'file', mode: 0o644, size: bytes.length, body: { kind: 'bytes', bytes } }
}

/** Containers by image: IDs of 64 letters, running or not. */
export function imageUsers(
  users: ReadonlyMap<
    Digest,
    readonly { readonly containerId: string; readonly running: boolean }[]
  > = new Map(),
): ImageUsers {
  return {
    async usersOf(id) {
      return (users.get(id) ?? []).map((user) => ({ ...user, name: 'c', reference: 'r' }))
    },
  }
}
