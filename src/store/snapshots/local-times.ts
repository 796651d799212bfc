import type { ChainId, DiffId } from '../../oci/digest.ts'
import type { LayerEntry } from '../store.ts'
import type { CommitOptions } from '../snapshotter.ts'
import type { LayerTables } from './dependencies.ts'
import { localTimes } from '../layers/stored-entry.ts'
import { constantTime } from './layer-times.ts'

const second = 1_000_000_000n

/** The layers of a stack, whatever order. */
export type StackLayers = (chain: ChainId | undefined) => Promise<readonly DiffId[]>

/**
 * Keeps this machine's own times out of tars. A step sees the true times of files that earlier steps made and COPY
 * brought, while their tars carry a constant. What such a step only moves, copies with its times or changes the mode
 * of comes with a true time that is older than the step: it must become the constant again, or the image would depend
 * on when, and from which checkout, it was built.
 */
export class LocalTimes {
  readonly #layers: Pick<LayerTables, 'entries'>
  readonly #stack: StackLayers
  readonly #known = new Map<DiffId, ReadonlySet<bigint>>()

  constructor(layers: Pick<LayerTables, 'entries'>, stack: StackLayers) {
    this.#layers = layers
    this.#stack = stack
  }

  /** The entries of a commit on `parent`, with no time that is local to a layer below in the tar. */
  async hide(
    entries: readonly LayerEntry[],
    parent: ChainId | undefined,
    options: CommitOptions,
  ): Promise<readonly LayerEntry[]> {
    if (options.timestamps === 'preserve' || !entries.some(isOld)) return entries
    const sets: ReadonlySet<bigint>[] = []
    for (const diffId of await this.#stack(parent)) sets.push(await this.#timesOf(diffId))
    const constant = constantTime(options)
    return entries.map((entry) =>
      isOld(entry) && sets.some((times) => times.has(entry.mtime))
        ? { ...entry, mtime: constant, localMtime: entry.mtime }
        : entry,
    )
  }

  async #timesOf(diffId: DiffId): Promise<ReadonlySet<bigint>> {
    const known = this.#known.get(diffId)
    if (known !== undefined) return known
    const exact = [...localTimes(await this.#layers.entries(diffId))]
    // tar and rsync copy whole seconds
    const times = new Set([...exact, ...exact.map((mtime) => mtime - (mtime % second))])
    this.#known.set(diffId, times)
    return times
  }
}

/** Did it keep the time it had before the step? */
function isOld({ type, localMtime }: LayerEntry): boolean {
  return localMtime === undefined && type !== 'whiteout' && type !== 'opaque'
}
