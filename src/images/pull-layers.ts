import { diffIdAsDigest, shortId } from '../oci/digest.ts'
import type { Repository } from '../registry/repository.ts'
import type { Lease, Store } from '../store/store.ts'
import type { GrowingFile } from '../util/growing-file.ts'
import { limiter } from '../util/limiter.ts'
import type { OpOptions } from '../util/progress.ts'
import { downloadBlob } from './download-blob.ts'
import { type ImageLayer, stackLayers } from './stack-layers.ts'

/** Layers fetched side by side, as Docker's default. */
const parallelDownloads = 3

/** Bytes of blob from which it pays to inflate while fetching: smaller ones are there before a thread has started. */
const worthHeadStart = 1024 * 1024

interface Pull {
  readonly store: Store
  readonly repository: Repository
  readonly lease: Lease
  readonly options: OpOptions
}

/** Makes all layers, bottom first, present and applied; see `stackLayers`. */
export async function pullLayers(pull: Pull, layers: readonly ImageLayer[]): Promise<void> {
  const { store, lease, options } = pull
  const report = options.onProgress
  for (const { layer } of layers) report?.({ id: shortId(layer.digest), status: 'Pulling fs layer' })
  const limited = limiter(parallelDownloads)
  const present = new Set<ImageLayer>()
  await stackLayers(
    {
      store,
      lease,
      signal: options.signal,
      async prepare(layer, signal) {
        const state = await fetchLayer({ ...pull, options: { ...options, signal } }, layer, limited)
        if (state === 'present') present.add(layer)
      },
      onApplied(layer) {
        if (!present.has(layer)) report?.({ id: shortId(layer.layer.digest), status: 'Pull complete' })
      },
    },
    layers,
  )
}

type LayerState = 'present' | 'fetched'

/** Compressed blob and uncompressed tar of one layer. */
async function fetchLayer(
  { store, repository, lease, options }: Pull,
  { layer, diffId }: ImageLayer,
  limited: ReturnType<typeof limiter>,
): Promise<LayerState> {
  const id = shortId(layer.digest)
  const report: OpOptions['onProgress'] = (event) => options.onProgress?.({ ...event, id })
  const { signal } = options
  lease.hold({ kind: 'blob', digest: layer.digest })
  lease.hold({ kind: 'blob', digest: diffIdAsDigest(diffId) })
  if ((await store.content.exists(layer)) && (await store.layers.find(diffId))) {
    report({ status: 'Already exists' })
    return 'present'
  }
  let downloaded = false
  let headStart: Promise<boolean> = Promise.resolve(false)
  const inflateAlong = async (growing: GrowingFile): Promise<boolean> => {
    using _ = growing
    const onProgress: OpOptions['onProgress'] = (event) => downloaded && report(event)
    return await store.layers.inflate(layer, diffId, { lease, signal, onProgress, growing }).then(
      () => true,
      () => false,
    )
  }
  try {
    await limited(async () => {
      signal?.throwIfAborted()
      const onGrowing = (file: GrowingFile): void => void (headStart = inflateAlong(file))
      await downloadBlob(store, repository, layer, lease, {
        signal,
        onProgress: report,
        ...(layer.size >= worthHeadStart && { onGrowing }),
      })
    })
    downloaded = true
    report({ status: 'Download complete' })
  } finally {
    await headStart
  }
  // whatever went wrong on the way shows again with the whole, verified blob, and is told then
  if (!(await headStart)) await store.layers.inflate(layer, diffId, { lease, signal, onProgress: report })
  return 'fetched'
}
