import type { CollectReport } from '../reports.ts'
import {
  constants,
  closeSync,
  lstatSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  type Stats,
} from 'node:fs'
import { unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { removeTree } from '../../linux/remove-tree.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { isDigest } from '../../oci/digest.ts'
import { isMilleError } from '../../util/errors.ts'
import { isPartial } from '../content/blob-store.ts'
import { removeAbandoned, unlinkQuietly } from '../content/temporary-files.ts'
import type { Locks } from '../locks.ts'
import type { IngestLedger } from '../metadata/ingest-ledger.ts'
import { endDeadLeases } from '../metadata/leases.ts'
import { keepReserve } from '../metadata/reserve.ts'
import type { BlobInfo, BlobStore, CollectOptions } from '../store.ts'
import type { ChainInfo } from '../snapshotter.ts'
import { findReachable } from './reachable.ts'
import type { SweepParts } from './sweep.ts'
import { forgetLayers, readStanding, sweep } from './sweep.ts'

export interface CollectParts extends SweepParts {
  readonly root: string
  readonly content: Pick<BlobStore, 'list'>
  readonly locks: Locks
  readonly ingests: IngestLedger
}

/** Blobs that one transaction renames: a few milliseconds in which other writers wait. */
const batchSize = 256

/**
 * Removes what nothing needs. Beside any other work: see `sweep`. Files are unlinked at the end, under no lock but the
 * collectors' own; what a kill leaves in the trash goes with the next collection.
 */
export async function collect(parts: CollectParts, options: CollectOptions = {}): Promise<CollectReport> {
  const { database, folders } = parts
  let report: CollectReport
  {
    await using _lock = await parts.locks.acquire('collect', { signal: options.signal })
    database.transaction(
      () => {
        endDeadLeases(database)
      },
      { frees: true },
    )
    forgetDownloads(parts, options)
    const snapshots = await removeOrphans(parts)
    const swept = await sweepAll(parts, options)
    const partials = await removeIngests(parts, options)
    for (const name of readdirSync(folders.quarantine)) {
      renameSync(join(folders.quarantine, name), join(folders.trash, name))
    }
    report = { ...swept, snapshots: snapshots + swept.snapshots, bytes: swept.bytes + partials }
  }
  await emptyTrash(folders.trash)
  keepReserve(parts.root)
  return report
}

async function sweepAll(parts: CollectParts, { signal }: CollectOptions): Promise<CollectReport> {
  let report = { blobs: 0, snapshots: 0, bytes: 0 }
  const standing = await readStanding(parts)
  const reachable = findReachable(parts.database, standing)
  const chains = standing.chains.filter(({ chain }) => !reachable.chains.has(chain))
  const take = async (blobs: readonly BlobInfo[], doomed: readonly ChainInfo[]): Promise<void> => {
    signal?.throwIfAborted()
    const swept = await sweep(
      parts,
      blobs,
      doomed.map(({ chain }) => chain),
    )
    const freed = await swept.chainData
    await forgetLayers(parts, swept.blobs)
    report = {
      blobs: report.blobs + swept.blobs.length,
      snapshots: report.snapshots + swept.chains.length,
      bytes: swept.blobs.reduce((sum, { size }) => sum + size, report.bytes + freed),
    }
  }
  // chains in one go: a chain must not outlive the one it stands on
  if (chains.length > 0) await take([], chains)
  let batch: BlobInfo[] = []
  for await (const blob of parts.content.list()) {
    if (reachable.blobs.has(blob.digest)) continue
    batch.push(blob)
    if (batch.length < batchSize) continue
    await take(batch, [])
    batch = []
  }
  if (batch.length > 0) await take(batch, [])
  const idleKinds = parts.database.get('SELECT 1 FROM leases') === undefined
  const bytes = await parts.snapshots.removeChains([], { idleKinds })
  return { ...report, bytes: report.bytes + bytes }
}

/**
 * Snapshots whose key holds neither the id of a record (`container-<id>`) nor of a live lease. Others are removed only
 * while no lease lives at all, since someone who works under one may have made them.
 */
async function removeOrphans({ database, snapshots }: CollectParts): Promise<number> {
  const active = await snapshots.list()
  if (active.length === 0) return 0
  const owners = [...database.all('SELECT id FROM records'), ...database.all('SELECT id FROM leases')]
  const leases = database.all('SELECT id FROM leases')
  const owned = (key: string): boolean =>
    leases.length > 0 || owners.some((row) => key.includes(String(row['id'])))
  const orphans = active.filter(({ key }) => !owned(key))
  for (const { key } of orphans) await snapshots.remove(key)
  return orphans.length
}

/** Whole blobs wait for their image as long as unfinished ones. */
function forgetDownloads({ ingests }: CollectParts, { partials = false }: CollectOptions): void {
  for (const name of partials ? ingests.downloads() : ingests.expired()) {
    if (isDigest(name)) ingests.forget(name)
  }
}

/** Unfinished downloads: those that nobody used for long, or all. Returns the bytes freed. */
async function removeIngests(
  { folders, ingests, locks }: CollectParts,
  { partials = false }: CollectOptions,
): Promise<number> {
  removeAbandoned(folders.ingest)
  const present = readdirSync(folders.ingest).filter(isPartial)
  ingests.adopt(present)
  let bytes = 0
  for (const name of partials ? present : ingests.expired()) {
    try {
      await using _lock = await locks.acquire(name, { timeout: 0 })
      const path = join(folders.ingest, name)
      bytes += lstatSync(path, { throwIfNoEntry: false })?.size ?? 0
      unlinkQuietly(path)
      ingests.forget(name)
    } catch (error) {
      // in use at this moment
      if (!isMilleError(error, 'STORE_LOCK_TIMEOUT')) throw error
    }
  }
  return bytes
}

/** From this size on, giving back a file's memory and blocks takes the kernel longer than a thread costs. */
const largeFile = 4_194_304

/**
 * Large files go in Node's threads, the largest first, the rest meanwhile. Goes on after a failure, so that one immutable
 * file does not keep all the others; throws the first one at the end.
 */
async function emptyTrash(trash: string): Promise<void> {
  const folder = openSync(trash, constants.O_RDONLY | constants.O_DIRECTORY)
  const failures: unknown[] = []
  const attempt = async (name: string, work: () => void | Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      // another collection may empty it at the same time
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT')
        failures.push(fromNodeError(error, join(trash, name)))
    }
  }
  try {
    const entries = readdirSync(trash)
      .map((name) => ({ name, status: lstatSync(join(trash, name), { throwIfNoEntry: false }) }))
      .filter((entry): entry is TrashEntry => entry.status !== undefined)
      .toSorted((one, other) => other.status.size - one.status.size)
    const isLarge = ({ status }: TrashEntry): boolean => status.isFile() && status.size >= largeFile
    const aside = entries.filter(isLarge).map(({ name }) => attempt(name, () => unlink(join(trash, name))))
    for (const entry of entries) {
      if (!isLarge(entry)) await attempt(entry.name, () => removeTrash(folder, trash, entry))
    }
    await Promise.all(aside)
  } finally {
    closeSync(folder)
  }
  if (failures.length > 0) throw failures[0]
}

interface TrashEntry {
  readonly name: string
  readonly status: Stats
}

function removeTrash(folder: number, trash: string, { name, status }: TrashEntry): void {
  if (status.isDirectory()) removeTree(folder, name)
  else rmSync(join(trash, name), { force: true })
}
