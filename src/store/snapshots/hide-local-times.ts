import type { ChainId, DiffId } from '../../oci/digest.ts'
import type { LocalTimes } from '../layers/local-times.ts'
import type { CommitOptions } from '../snapshotter.ts'
import type { LayerEntry } from '../store.ts'
import type { LayerTables } from './dependencies.ts'
import { constantTime } from './layer-times.ts'

/** The layers of a stack, whatever order. */
export type StackLayers = (chain: ChainId | undefined) => Promise<readonly DiffId[]>

/**
 * Keeps this machine's own times out of tars. A step sees the true times of files that earlier steps made and COPY
 * brought, while their tars carry a constant. What such a step only moves, copies with its times or changes the mode
 * of comes with a true time that is older than the step: it must become the constant again, or the image would depend
 * on when, and from which checkout, it was built.
 */
export class HideLocalTimes {
  readonly #layers: Pick<LayerTables, 'localTimes'>
  readonly #stack: StackLayers
  readonly #known = new Map<DiffId, LocalTimes>()

  constructor(layers: Pick<LayerTables, 'localTimes'>, stack: StackLayers) {
    this.#layers = layers
    this.#stack = stack
  }

  /** The entries of a commit on `parent`, with no time that is local to a layer below in the tar. */
  async hide(
    entries: readonly LayerEntry[],
    parent: ChainId | undefined,
    options: CommitOptions,
  ): Promise<readonly LayerEntry[]> {
    const old = new Set(entries.filter(isOld).map(({ mtime }) => mtime))
    if (options.timestamps === 'preserve' || old.size === 0) return entries
    const local = new Set<bigint>()
    for (const diffId of await this.#stack(parent))
      for (const time of (await this.#timesOf(diffId)).among(old)) local.add(time)
    const constant = constantTime(options)
    return entries.map((entry) =>
      isOld(entry) && local.has(entry.mtime) ? { ...entry, mtime: constant, localMtime: entry.mtime } : entry,
    )
  }

  async #timesOf(diffId: DiffId): Promise<LocalTimes> {
    const known = this.#known.get(diffId)
    if (known !== undefined) return known
    const times = await this.#layers.localTimes(diffId)
    this.#known.set(diffId, times)
    return times
  }
}

/** Did it keep the time it had before the step? */
function isOld({ type, localMtime }: LayerEntry): boolean {
  return localMtime === undefined && type !== 'whiteout' && type !== 'opaque'
}
