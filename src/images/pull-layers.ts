import type { Descriptor } from '../oci/descriptor.ts'
import { diffIdAsDigest, shortId, type ChainId, type DiffId } from '../oci/digest.ts'
import type { Repository } from '../registry/repository.ts'
import type { Lease, Store } from '../store/store.ts'
import type { GrowingFile } from '../util/growing-file.ts'
import { limiter } from '../util/limiter.ts'
import type { OpOptions } from '../util/progress.ts'
import { downloadBlob } from './download-blob.ts'

/** Layers fetched side by side, as Docker's default. */
const parallelDownloads = 3

/** Bytes of blob from which it pays to inflate while fetching: smaller ones are there before a thread has started. */
const worthHeadStart = 1024 * 1024

/** A layer as its manifest names it, and its diff ID from the config. */
export interface LayerToPull {
  readonly layer: Descriptor
  readonly diffId: DiffId
}

interface Pull {
  readonly store: Store
  readonly repository: Repository
  readonly lease: Lease
  readonly options: OpOptions
}

/**
 * Makes all layers, bottom first, present and applied. Each is fetched, inflated and applied as soon as it can be,
 * whatever the others are at. The first failure stops all; when it is thrown nothing is under way any more.
 */
export async function pullLayers(pull: Pull, layers: readonly LayerToPull[]): Promise<void> {
  const stop = new AbortController()
  const outer = pull.options.signal
  const signal = outer ? AbortSignal.any([outer, stop.signal]) : stop.signal
  const work: Pull = { ...pull, options: { ...pull.options, signal } }
  const report = pull.options.onProgress
  for (const { layer } of layers) report?.({ id: shortId(layer.digest), status: 'Pulling fs layer' })
  const limited = limiter(parallelDownloads)
  const ready: Promise<LayerState>[] = []
  for (const index of largestFirst(layers))
    ready[index] = fetchLayer(work, layers[index] as LayerToPull, limited)
  const applied: Promise<ChainId | undefined>[] = []
  for (const [index, { layer, diffId }] of layers.entries()) {
    const below = applied[index - 1] ?? Promise.resolve(undefined)
    applied.push(applyLayer(work, { layer, diffId }, below, ready[index] as Promise<LayerState>))
  }
  try {
    await Promise.all([...ready, ...applied])
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled([...ready, ...applied])
    throw error
  }
}

/** The largest layer takes longest: begun last, it would keep one processor busy while the others are done. */
function largestFirst(layers: readonly LayerToPull[]): number[] {
  const size = (index: number): number => layers[index]?.layer.size ?? 0
  return [...layers.keys()].sort((a, b) => size(b) - size(a))
}

type LayerState = 'present' | 'fetched'

/** Compressed blob and uncompressed tar of one layer. */
async function fetchLayer(
  { store, repository, lease, options }: Pull,
  { layer, diffId }: LayerToPull,
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

async function applyLayer(
  { store, lease, options }: Pull,
  { layer, diffId }: LayerToPull,
  below: Promise<ChainId | undefined>,
  ready: Promise<LayerState>,
): Promise<ChainId> {
  const [parent, state] = await Promise.all([below, ready])
  const chain = await store.snapshots.apply(diffId, parent, { lease, signal: options.signal })
  lease.hold({ kind: 'chain', chain })
  if (state !== 'present') options.onProgress?.({ id: shortId(layer.digest), status: 'Pull complete' })
  return chain
}
