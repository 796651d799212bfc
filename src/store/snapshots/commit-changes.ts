import type { ChainId } from '../../oci/digest.ts'
import type { CommitOptions } from '../snapshotter.ts'
import type { LayerInfo } from '../store.ts'
import type { AppliedChains } from './applied-chains.ts'
import { changeEntries } from './change-entries.ts'
import type { SnapshotDependencies } from './dependencies.ts'
import { layerTime } from './layer-times.ts'
import type { HideLocalTimes } from './hide-local-times.ts'
import type { TreeChange } from './upper-changes.ts'

export interface CommitParts {
  readonly chains: AppliedChains
  readonly dependencies: SnapshotDependencies
  readonly localTimes: HideLocalTimes
}

/** Calls back with the snapshot's files open and what changed in them. */
export type ReadChanges = <Result>(
  use: (tree: number, changes: Iterable<TreeChange>) => Promise<Result>,
) => Promise<Result>

/** See `Snapshotter.commit`, for a snapshot on `parent`. */
export async function commitChanges(
  { chains, dependencies, localTimes }: CommitParts,
  parent: ChainId | undefined,
  readChanges: ReadChanges,
  options: CommitOptions,
): Promise<{ readonly layer: LayerInfo; readonly chain: ChainId } | undefined> {
  const { warn = (): void => undefined } = dependencies
  const below = options.onto === undefined ? parent : options.onto.chain
  const layer = await readChanges(async (tree, changes) => {
    const root = await chains.rootOf(parent)
    const changed = changeEntries(changes, { tree, root, tarTime: layerTime(options), warn })
    const entries = await localTimes.hide([...changed], parent, options)
    return entries.length === 0 ? undefined : await chains.write(entries, below, options)
  })
  if (layer === undefined) return undefined
  return { layer, chain: await chains.apply(layer.diffId, below, options) }
}
