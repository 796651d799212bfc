import { type ChainId, chainId, type DiffId } from '../oci/digest.ts'
import type { Store } from '../store/store.ts'
import type { OpOptions } from '../util/progress.ts'
import type { Lease } from '../store/store.ts'

/**
 * Makes a stack of layers usable whose tars are in the store: another snapshotter, or a collection, may have dropped
 * what was made of them. NOT_FOUND kinds when a tar is gone.
 */
export async function ensureChain(
  { snapshots }: Pick<Store, 'snapshots'>,
  diffIds: readonly DiffId[],
  options: OpOptions & { readonly lease: Lease },
): Promise<void> {
  const chains = diffIds.reduce<ChainId[]>((all, diffId) => [...all, chainId(all.at(-1), diffId)], [])
  const last = chains.at(-1)
  if (last === undefined || (await snapshots.has(last))) return
  for (const [index, diffId] of diffIds.entries()) {
    options.lease.hold({ kind: 'chain', chain: await snapshots.apply(diffId, chains[index - 1], options) })
  }
}
