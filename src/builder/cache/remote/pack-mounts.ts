import { closeSync } from 'node:fs'
import { folderBytes } from '../../../linux/folder-size.ts'
import { openFolder } from '../../../linux/openat2.ts'
import type { Descriptor } from '../../../oci/descriptor.ts'
import type { LayerCompression } from '../../../oci/image-form.ts'
import { layerType } from '../../../oci/media-types.ts'
import { tarOfTree } from '../../../store/tree/tar-of-tree.ts'
import { writeTar, type TarSource } from '../../../tar/writer.ts'
import { compressionLevel, compressStream } from '../../../util/compress-stream.ts'
import { humanSize } from '../../../util/human-size.ts'
import { cacheMountIdentity, cacheMountKey, CacheMounts, type CacheMountIdentity } from '../cache-mounts.ts'
import type { BuiltSteps, CacheExportWork } from './export-cache.ts'

/** Says to whoever reads the manifest which mount a layer is. */
const mountAnnotation = 'mille.cache-mount.id'

export interface MountsToPack {
  /** Progress is shown as this one's. */
  readonly step: string
  readonly mountBytes: number
  readonly compression: LayerCompression
}

/**
 * The cache mounts of the build's RUN steps, each as one tar with owners, modes and times, held by the lease; by key. Each
 * is read while no step has it. One that never came here goes on as it was imported. What is larger than allowed stays.
 */
export async function packMounts(
  work: CacheExportWork,
  wanted: MountsToPack,
): Promise<Map<string, Descriptor>> {
  const { store, built, imported, emit, signal } = work
  const mounts = new CacheMounts(store)
  const packed = new Map<string, Descriptor>()
  const note = (text: string): void => emit({ type: 'note', step: wanted.step, text })
  for (const identity of mountsOf(built)) {
    const { name } = identity
    const pack = async (folder: string): Promise<Descriptor | undefined> => {
      const size = folderBytes(folder)
      if (size <= wanted.mountBytes) return await packFolder(work, folder, wanted)
      const limit = humanSize(wanted.mountBytes)
      note(`cache mount ${name} stays here: it has ${humanSize(size)}, more than mounts-max-size=${limit}`)
      return undefined
    }
    const onWait = (_: string, holder: string): void =>
      note(`waiting for the cache mount ${name}: ${holder} has it`)
    const key = cacheMountKey(identity)
    const isHere = await mounts.withFiles(identity, async (folder) => ({ blob: await pack(folder) }), {
      signal,
      onWait,
    })
    const blob = isHere === undefined ? imported.mount(key)?.blob : isHere.blob
    if (blob === undefined) continue
    packed.set(key, { ...blob, annotations: { [mountAnnotation]: name } })
    note(`cache mount ${name}: ${humanSize(blob.size)}`)
  }
  return packed
}

/** Secrets, agents and tmpfs are no cache mounts and never among them. */
function mountsOf({ plans, results }: BuiltSteps): CacheMountIdentity[] {
  const identities = plans
    .flatMap(({ plan }) => plan.steps)
    .flatMap(({ op }) => (op.kind === 'run' ? op.mounts : []))
    .flatMap((mount) => {
      if (mount.type !== 'cache') return []
      const chain = mount.origin.kind === 'step' ? results.get(mount.origin.step)?.chain : undefined
      return [cacheMountIdentity(mount, chain)]
    })
  return [...new Map(identities.map((identity) => [cacheMountKey(identity), identity])).values()].toSorted(
    (a, b) => (cacheMountKey(a) < cacheMountKey(b) ? -1 : 1),
  )
}

/** The same files are the same bytes: members are sorted, and nothing of them but what a tar must say is in it. */
async function packFolder(
  { store, lease, signal }: CacheExportWork,
  path: string,
  { compression: { type, level } }: MountsToPack,
): Promise<Descriptor> {
  const folder = openFolder(path)
  try {
    const tar = writeTar(membersOf(folder))
    const body = type === 'none' ? tar : compressStream(tar, type, compressionLevel(type, level))
    const blob = await store.content.ingest(body, { lease, signal })
    return { mediaType: layerType(type, 'oci'), ...blob }
  } finally {
    closeSync(folder)
  }
}

/** Devices, which only a privileged step makes, are of this machine. */
async function* membersOf(folder: number): AsyncGenerator<TarSource> {
  for await (const source of tarOfTree(folder, '', ''))
    if (source.header.type !== 'char' && source.header.type !== 'block') yield source
}
