import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { failure } from '../../util/errors.ts'
import type { Snapshotter } from '../snapshotter.ts'
import { AppliedChains, dropUnused } from './applied-chains.ts'
import { ChainRecords } from './chain-records.ts'
import type { LayerBackend, SnapshotDependencies } from './dependencies.ts'
import { CopiedLayers } from './copied-layers.ts'
import { CopySnapshots } from './copy-snapshots.ts'
import { ErofsLayers, tryErofs } from './erofs-layers.ts'
import { type OtherKind, OtherKinds } from './other-kinds.ts'
import { OtherSnapshots } from './other-snapshots.ts'
import { OverlaySnapshots } from './overlay-snapshots.ts'
import { PrivateMounts } from './private-mounts.ts'
import { type Choice, chooseKind, tryOverlay } from './probe.ts'
import { SnapshotFolders } from './snapshot-folders.ts'
import { isLeftOver, Staging } from './staging.ts'
import { UnpackedLayers } from './unpacked-layers.ts'

export interface OpenSnapshotsOptions extends SnapshotDependencies {
  /** Skips the probing; default: the environment's MILLE_SNAPSHOTTER, else what works best. */
  readonly kind?: Snapshotter['kind'] | undefined
}

const kinds: readonly Snapshotter['kind'][] = ['erofs', 'unpacked', 'copy']

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
  const open = { options, staging, mounts }
  const chains = openChains(kind, open)
  const unused = new SnapshotFolders(join(options.folder, kind === 'copy' ? 'active' : 'copies'), staging)
  const others = new OtherSnapshots(unused, mounts)
  const parts = { kind, chains, staging, dependencies: options, others, reason }
  return kind === 'copy' ? new CopySnapshots(parts) : new OverlaySnapshots({ ...parts, mounts })
}

interface OpenParts {
  readonly options: OpenSnapshotsOptions
  readonly staging: Staging
  readonly mounts: PrivateMounts
}

function openChains(kind: Snapshotter['kind'], open: OpenParts): AppliedChains {
  const { options, staging, mounts } = open
  const folder = join(options.folder, 'chains')
  const openKind = (one: Snapshotter['kind']): OtherKind => ({
    backend: openBackend(one, open),
    records: new ChainRecords(join(folder, one), staging),
  })
  const own = openKind(kind)
  const active = new SnapshotFolders(join(options.folder, 'active'), staging)
  const others = new OtherKinds({
    kinds: kinds.filter((one) => one !== kind && existsSync(join(folder, one))).map(openKind),
    bare: new ChainRecords(join(folder, 'bare'), staging),
    drop: ({ backend, records }) => dropUnused(backend, records),
    mounted: () =>
      active
        .list()
        .filter(({ key }) => mounts.isMounted(mounts.path('active', key)))
        .flatMap(({ record }) => record.parent ?? []),
  })
  return new AppliedChains({ ...own, dependencies: options, others })
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

function openBackend(kind: Snapshotter['kind'], { options, staging, mounts }: OpenParts): LayerBackend {
  const { folder, layers } = options
  if (kind === 'copy') return new CopiedLayers(join(folder, 'copied'), staging)
  if (kind === 'erofs') return new ErofsLayers({ folder: join(folder, 'erofs'), staging, mounts, layers })
  if (kind === 'unpacked') return new UnpackedLayers(join(folder, 'unpacked'), staging, mounts)
  throw failure('SNAPSHOTTER_UNUSABLE', { kind, reason: 'there is no such snapshotter' })
}
