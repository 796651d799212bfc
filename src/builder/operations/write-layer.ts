import type { LayerEntry } from '../../store/store.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepLayer } from './operation.ts'

/** Entries become a layer on top of the step's parent. */
export async function writeLayer(
  { store, lease, signal }: BuildSession,
  { parent }: StepInputs,
  entries: Iterable<LayerEntry>,
): Promise<StepLayer> {
  const layer = await store.layers.write(entries, { lease, signal })
  const chain = await store.snapshots.apply(layer.diffId, parent.chain, { lease, signal })
  return { layer, chain }
}
