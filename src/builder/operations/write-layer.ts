import type { LayerEntry, LayerInfo } from '../../store/store.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepLayer } from './operation.ts'

/** Entries become a layer on top of the step's parent. */
export async function writeLayer(
  session: BuildSession,
  inputs: StepInputs,
  entries: Iterable<LayerEntry>,
): Promise<StepLayer> {
  const { store, lease, signal } = session
  return await applyLayer(
    session,
    inputs,
    await store.snapshots.write(entries, inputs.parent.chain, { lease, signal }),
  )
}

/** A layer that was written already. */
export async function applyLayer(
  { store, lease, signal }: BuildSession,
  { parent }: StepInputs,
  layer: LayerInfo,
): Promise<StepLayer> {
  const chain = await store.snapshots.apply(layer.diffId, parent.chain, { lease, signal })
  return { layer, chain }
}
