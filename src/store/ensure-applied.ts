import { chainId, type ChainId, type DiffId } from '../oci/digest.ts'
import type { OpOptions } from '../util/progress.ts'
import type { Lease, Store } from './store.ts'

/**
 * Makes a stack of layers usable whose tars are in the store: a new image, another snapshotter or a collection may have
 * left nothing but the tars. Resolves with the stack's chain ID, which the lease then holds; undefined for no layers.
 * Errors of kind not-found when a tar is gone.
 */
export async function ensureApplied(
  { snapshots }: Pick<Store, 'snapshots'>,
  diffIds: readonly DiffId[],
  options: OpOptions & { readonly lease: Lease },
): Promise<ChainId | undefined> {
  const chains = diffIds.reduce<ChainId[]>((all, diffId) => [...all, chainId(all.at(-1), diffId)], [])
  const last = chains.at(-1)
  if (last === undefined) return undefined
  // held before looked for: the collector may be at work
  options.lease.hold({ kind: 'chain', chain: last })
  if (await snapshots.has(last)) return last
  for (const [index, diffId] of diffIds.entries()) await snapshots.apply(diffId, chains[index - 1], options)
  return last
}
