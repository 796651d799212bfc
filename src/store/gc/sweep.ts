import type { ChainId, DiffId, Digest } from '../../oci/digest.ts'
import { digestHex } from '../../oci/digest.ts'
import type { BlobFolders } from '../content/blob-folders.ts'
import { blobPath, moveAside } from '../content/blob-folders.ts'
import type { Database } from '../metadata/database.ts'
import type { BlobInfo, LayerStore } from '../store.ts'
import type { ChainInfo, Snapshotter } from '../snapshotter.ts'
import { findReachable } from './reachable.ts'

export interface SweepParts {
  readonly database: Database
  readonly folders: BlobFolders
  readonly snapshots: Pick<Snapshotter, 'chains' | 'list' | 'remove' | 'removeChains'>
  readonly layers: Pick<LayerStore, 'forget'>
}

export interface Swept {
  readonly blobs: readonly BlobInfo[]
  readonly chains: readonly ChainId[]
  /** Settles when the chains' data is gone; with the bytes freed. */
  readonly chainData: Promise<number>
}

const nothing: Swept = { blobs: [], chains: [], chainData: Promise.resolve(0) }

/**
 * Renames those of the candidates that nothing needs out of sight, in one transaction in which it is looked up anew:
 * whoever took hold of one before keeps it; whoever does so afterwards finds it absent. The database is told first by
 * whoever removed the record (B-GC-1), so a kill at any point leaves only trash.
 * `prepare` runs first in the same transaction; the sweep does nothing when it says false.
 */
export async function sweep(
  parts: SweepParts,
  blobs: readonly BlobInfo[],
  chains: readonly ChainId[],
  prepare: () => boolean = () => true,
): Promise<Swept> {
  const { database, folders, snapshots } = parts
  const standing = await readStanding(parts)
  return database.transaction(() => {
    if (!prepare()) return nothing
    const reachable = findReachable(database, standing)
    const doomedChains = chains.filter((chain) => !reachable.chains.has(chain))
    const doomed = blobs.filter(({ digest }) => !reachable.blobs.has(digest))
    const moved = doomed.filter(({ digest }) =>
      moveAside(blobPath(folders, digest), folders.trash, digestHex(digest)),
    )
    for (const [kind, name] of [
      ...moved.map(({ digest }) => ['blob', digest] as const),
      ...doomedChains.map((chain) => ['chain', chain] as const),
    ]) {
      database.run('DELETE FROM volatile WHERE kind = ? AND name = ?', kind, name)
    }
    const chainData = doomedChains.length === 0 ? Promise.resolve(0) : snapshots.removeChains(doomedChains)
    // awaited by the caller, after the transaction
    chainData.catch(() => {})
    return { blobs: moved, chains: doomedChains, chainData }
  })
}

export async function readStanding({
  snapshots,
}: SweepParts): Promise<{ chains: readonly ChainInfo[]; parents: readonly ChainId[] }> {
  const [chains, active] = await Promise.all([snapshots.chains(), snapshots.list()])
  return { chains, parents: active.flatMap(({ parent }) => (parent === undefined ? [] : [parent])) }
}

/** What the layer store keeps beside swept blobs: a blob that is no layer has nothing there. */
export async function forgetLayers({ layers }: SweepParts, blobs: readonly BlobInfo[]): Promise<void> {
  for (const { digest } of blobs) await layers.forget(asDiffId(digest))
}

function asDiffId(digest: Digest): DiffId {
  return digest as string as DiffId
}
