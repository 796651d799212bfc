import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../util/errors.ts'
import type { Snapshotter } from '../store.ts'
import type { LayerBackend, SnapshotDependencies } from './dependencies.ts'
import { CopiedLayers } from './copied-layers.ts'
import { CopySnapshots } from './copy-snapshots.ts'
import { ErofsLayers, tryErofs } from './erofs-layers.ts'
import { OverlaySnapshots } from './overlay-snapshots.ts'
import { PrivateMounts } from './private-mounts.ts'
import { type Choice, chooseKind, tryOverlay } from './probe.ts'
import { isLeftOver, Staging } from './staging.ts'
import { UnpackedLayers } from './unpacked-layers.ts'

export interface OpenSnapshotsOptions extends SnapshotDependencies {
  /** Skips the probing; default: the environment's MILLE_SNAPSHOTTER, else what works best. */
  readonly kind?: Snapshotter['kind'] | undefined
}

/**
 * The store's snapshotter: the best that works here, found by trying. Removes what dead processes left half made.
 * SNAPSHOTTER_UNUSABLE for a kind that does not exist.
 */
export function openSnapshots(options: OpenSnapshotsOptions): Snapshotter {
  mkdirSync(options.folder, { recursive: true, mode: 0o700 })
  const staging = new Staging(join(options.folder, 'staging'))
  const mounts = new PrivateMounts(join(options.folder, 'mounts'), options.lock, () => staging.newName())
  // mounts first: they may show what lies in the staging folder
  mounts.sweep(isLeftOver)
  staging.sweep()
  const { kind, reason } = chosenKind(options, staging)
  if (kind === 'copy') {
    const backend = new CopiedLayers(join(options.folder, 'copied'), staging)
    return new CopySnapshots({ backend, staging, dependencies: options, reason })
  }
  const backend = openBackend(kind, options, staging, mounts)
  return new OverlaySnapshots({ backend, mounts, staging, dependencies: options, reason })
}

function chosenKind(options: OpenSnapshotsOptions, staging: Staging): Choice {
  const asked = options.kind ?? process.env['MILLE_SNAPSHOTTER']
  if (asked !== undefined && asked !== '')
    return { kind: asked as Snapshotter['kind'], reason: 'as asked for' }
  return chooseKind(options.folder, staging, [
    ['erofs', tryErofs],
    ['unpacked', tryOverlay],
  ])
}

function openBackend(
  kind: Snapshotter['kind'],
  { folder, layers }: OpenSnapshotsOptions,
  staging: Staging,
  mounts: PrivateMounts,
): LayerBackend {
  if (kind === 'erofs') return new ErofsLayers({ folder: join(folder, 'erofs'), staging, mounts, layers })
  if (kind === 'unpacked') return new UnpackedLayers(join(folder, 'unpacked'), staging, mounts)
  throw failure('SNAPSHOTTER_UNUSABLE', { kind, reason: 'there is no such snapshotter' })
}
