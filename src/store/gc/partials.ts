import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { isPartial } from '../content/blob-store.ts'
import { endDeadLeases } from '../metadata/leases.ts'
import type { PartialDownload } from '../reports.ts'
import type { CollectParts } from './collect.ts'
import { findReachable } from './reachable.ts'
import { readStanding } from './sweep.ts'

/** What failed downloads left: bytes of unfinished ones, and whole blobs that no image came to need (reliability I5). */
export async function findPartials(parts: CollectParts): Promise<readonly PartialDownload[]> {
  const { database, folders, locks, content } = parts
  if (!database.readOnly) database.transaction(() => endDeadLeases(database))
  const found: PartialDownload[] = []
  for (const name of readdirSync(folders.ingest).filter(isPartial)) {
    const size = lstatSync(join(folders.ingest, name), { throwIfNoEntry: false })?.size
    if (size !== undefined) found.push({ size, inUse: locks.isHeld(name) })
  }
  const { blobs } = findReachable(database, await readStanding(parts), { downloads: false })
  for await (const { digest, size } of content.list()) {
    if (!blobs.has(digest)) found.push({ size, inUse: false })
  }
  return found
}
