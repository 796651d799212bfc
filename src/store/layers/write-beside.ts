import type { LayerTable } from './layer-table.ts'

/** For who has work of its own on a large layer. */
export interface WriteBeside {
  /** Called when the layer's table is known while its bytes are still being written; is waited for. */
  readonly beside?: ((table: LayerTable) => Promise<void>) | undefined
}

export interface WasThere {
  /** The store had the layer, and keeps the table that it had. */
  readonly wasThere: boolean
}
