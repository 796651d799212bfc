import { fileTypes } from '../../linux/statx.ts'
import { diffIdAsDigest, type DiffId } from '../../oci/digest.ts'
import type { LayerEntry } from '../../store/store.ts'
import type { LinkOp } from '../plan/step.ts'
import type { BuildSession, StepResult } from '../session.ts'
import { folderMode } from './copy-entries.ts'
import type { LowerRoot } from './lower-root.ts'
import { resolveOwner } from './owner.ts'

/**
 * A layer of `--link` says nothing of the folders above what it brings, as it does not know which of them are there. Now
 * that this is known, it is told which it makes: those that are not there and get more by the flags than tools give
 * them, and those in whose place there is a link or a file. As a rule that is none, and the layer stays what it is.
 */
export async function withFolders(
  session: BuildSession,
  layer: DiffId,
  parent: StepResult,
  { made }: LinkOp,
): Promise<DiffId> {
  const { layers } = session.store
  const lower = await session.lower(parent.chain)
  const found = foldersToMake(lower, made)
  if (found.length === 0) return layer
  const isFile = (await layers.entries(layer)).some(({ path }) => `/${path}` === made.destination)
  const missing = isFile ? found.filter((path) => `/${path}` !== made.destination) : found
  if (missing.length === 0) return layer
  const owner = made.chown === undefined ? { uid: 0, gid: 0 } : resolveOwner(lower, made.chown)
  const seconds = session.timestamps === 'preserve' ? Math.floor(Date.now() / 1000) : session.epoch
  const common = { type: 'directory', ...owner, mode: folderMode(made.chmod) } as const
  const mtime = BigInt(seconds) * 1_000_000_000n
  const folders = await layers.write(
    missing.map((path): LayerEntry => ({ ...common, path, mtime })),
    session,
  )
  const { diffId } = await layers.merge([folders.diffId, layer], session)
  session.lease.hold({ kind: 'blob', digest: diffIdAsDigest(diffId) })
  return diffId
}

/** Of the folders on the way to the destination, and itself. */
function foldersToMake(lower: LowerRoot, { destination, chown, chmod }: LinkOp['made']): string[] {
  const parts = destination.split('/').filter((part) => part !== '')
  const all = parts.map((_, index) => parts.slice(0, index + 1).join('/'))
  for (const [index, path] of all.entries()) {
    const status = lower.status(path)
    if (status === undefined) return chown === undefined && chmod === undefined ? [] : all.slice(index)
    if ((status.mode & fileTypes.mask) !== fileTypes.directory) return all.slice(index)
  }
  return []
}
