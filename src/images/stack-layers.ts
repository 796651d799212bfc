import type { Descriptor } from '../oci/descriptor.ts'
import type { ChainId, DiffId } from '../oci/digest.ts'
import type { Lease, Store } from '../store/store.ts'

/** A layer as its manifest names it, and its diff ID from the config. */
export interface ImageLayer {
  readonly layer: Descriptor
  readonly diffId: DiffId
}

export interface StackWork {
  readonly store: Store
  readonly lease: Lease
  readonly signal: AbortSignal | undefined
  /** Brings the tar of one layer into the store. */
  readonly prepare: (layer: ImageLayer, signal: AbortSignal) => Promise<void>
  readonly onApplied?: (layer: ImageLayer) => void
}

/**
 * Prepares all layers side by side, and applies each as soon as it and those below it (first ones first) are ready. The
 * first failure stops all; when it is thrown nothing is under way any more.
 */
export async function stackLayers(work: StackWork, layers: readonly ImageLayer[]): Promise<void> {
  const stop = new AbortController()
  const signal = work.signal ? AbortSignal.any([work.signal, stop.signal]) : stop.signal
  const ready: Promise<void>[] = []
  for (const index of orderOfWork(layers)) ready[index] = work.prepare(layers[index] as ImageLayer, signal)
  const applied: Promise<ChainId | undefined>[] = []
  for (const [index, layer] of layers.entries()) {
    const below = applied[index - 1] ?? Promise.resolve(undefined)
    applied.push(applyLayer(work, layer, signal, below, ready[index] as Promise<void>))
  }
  try {
    await Promise.all([...ready, ...applied])
  } catch (error) {
    stop.abort(error)
    await Promise.allSettled([...ready, ...applied])
    throw error
  }
}

/**
 * The largest layer first: begun last, it would keep one processor busy while the other has nothing left to do. Then from
 * the bottom up, as they are applied.
 */
function orderOfWork(layers: readonly ImageLayer[]): number[] {
  const sizes = layers.map(({ layer }) => layer.size)
  const largest = sizes.indexOf(Math.max(...sizes))
  return [...layers.keys()].sort((a, b) => Number(b === largest) - Number(a === largest))
}

async function applyLayer(
  { store, lease, onApplied }: StackWork,
  layer: ImageLayer,
  signal: AbortSignal,
  below: Promise<ChainId | undefined>,
  ready: Promise<void>,
): Promise<ChainId> {
  const [parent] = await Promise.all([below, ready])
  const chain = await store.snapshots.apply(layer.diffId, parent, { lease, signal })
  lease.hold({ kind: 'chain', chain })
  onApplied?.(layer)
  return chain
}
