import type { ChainId } from '../../oci/digest.ts'
import type { ChainRecord, ChainRecords } from './chain-records.ts'
import type { LayerBackend } from './dependencies.ts'

/** Chains that a kind of snapshotter other than the present one made in this store. */
export interface OtherKind {
  readonly backend: LayerBackend
  readonly records: ChainRecords
}

export interface OtherKindsParts {
  readonly kinds: readonly OtherKind[]
  /** Chains that are known, but have no data in any kind. */
  readonly bare: ChainRecords
  /** Drops the data of a kind that its records do not name; resolves with the bytes freed. */
  readonly drop: (kind: OtherKind) => Promise<number>
  /** Chains that a mounted snapshot stands on, whichever kind mounted it. */
  readonly mounted: () => readonly ChainId[]
}

/**
 * What was applied before the kind of snapshotter changed (another kernel, MILLE_SNAPSHOTTER): it tells how to make a
 * stack again, and keeps the layers it stands on from collection.
 */
export class OtherKinds {
  readonly #given: OtherKindsParts

  constructor(parts: OtherKindsParts) {
    this.#given = parts
  }

  find(chain: ChainId): ChainRecord | undefined {
    for (const records of this.#all()) {
      const found = records.find(chain)
      if (found !== undefined) return found
    }
    return undefined
  }

  list(): { readonly chain: ChainId; readonly record: ChainRecord }[] {
    return this.#all().flatMap((records) => records.list())
  }

  remove(chains: readonly ChainId[]): void {
    for (const records of this.#all()) for (const chain of chains) records.remove(chain)
  }

  /** `idle`: also data that is needed, unless something is mounted on it: the present kind makes its own. */
  async dropUnused(idle: boolean): Promise<number> {
    let bytes = 0
    for (const kind of this.#given.kinds) {
      if (idle) this.#bareIdle(kind.records)
      bytes += await this.#given.drop(kind)
    }
    return bytes
  }

  #bareIdle(records: ChainRecords): void {
    const busy = new Set<ChainId>()
    for (const chain of this.#given.mounted())
      for (let next: ChainId | undefined = chain; next !== undefined; next = records.find(next)?.parent)
        busy.add(next)
    for (const { chain } of records.list()) if (!busy.has(chain)) records.move(chain, this.#given.bare)
  }

  #all(): ChainRecords[] {
    return [...this.#given.kinds.map(({ records }) => records), this.#given.bare]
  }
}
