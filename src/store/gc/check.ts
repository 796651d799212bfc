import type { Damage } from '../reports.ts'
import { closeSync, constants, createReadStream, fstatSync, openSync, readdirSync, rmSync } from 'node:fs'
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { Digest } from '../../oci/digest.ts'
import { isDigest } from '../../oci/digest.ts'
import { type BlobFolders, moveAside } from '../content/blob-folders.ts'
import type { Database } from '../metadata/database.ts'
import { sizeOf } from '../metadata/image-documents.ts'
import { damagedIndexes } from '../snapshots/erofs-indexes.ts'
import type { CheckOptions, Resource } from '../store.ts'

const unreadable = 'the disk cannot read it'

export interface CheckParts {
  readonly root: string
  readonly database: Database
  readonly folders: BlobFolders
}

/**
 * Hashes every blob and every layer's index, then looks whether everything that is named is there. Changes nothing,
 * unless `repair` is asked for: damaged blobs are put aside then, so that whatever brings their image again brings them
 * too, and damaged indexes are removed, which the next use makes again of the layer's tar.
 */
export async function check(parts: CheckParts, options: CheckOptions = {}): Promise<Damage[]> {
  return [
    ...checkDatabase(parts.database),
    ...(await checkBlobs(parts, options)),
    ...checkIndexes(parts, options),
    ...checkImages(parts),
    ...checkRecords(parts.database),
  ]
}

function checkDatabase(database: Database): Damage[] {
  return database
    .all('PRAGMA integrity_check')
    .map((row) => String(row['integrity_check']))
    .filter((reason) => reason !== 'ok')
    .map((reason) => ({ kind: 'DATABASE_DAMAGED', object: 'mille.db', reason }))
}

async function checkBlobs(
  { database, folders: { blobs, quarantine } }: CheckParts,
  { signal, onProgress, repair = false }: CheckOptions,
): Promise<Damage[]> {
  const found: Damage[] = []
  const names = readdirSync(blobs).sort()
  for (const [index, name] of names.entries()) {
    signal?.throwIfAborted()
    onProgress?.({ status: 'Checking', id: name.slice(0, 12), current: index, total: names.length })
    const digest = `sha256:${name}`
    const reason = isDigest(digest)
      ? await damageOf(join(blobs, name), digest, signal)
      : 'its name is no digest'
    // what the disk cannot read now it may read another time
    if (repair && reason !== undefined && reason !== unreadable)
      moveAside(join(blobs, name), quarantine, name)
    if (reason !== undefined)
      found.push({ kind: 'BLOB_DAMAGED', object: digest, reason: `${reason}${neededBy(database, digest)}` })
  }
  return found
}

/** Never follows a link, never waits for the other end of a fifo. */
async function damageOf(
  path: string,
  digest: Digest,
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  let descriptor: number
  try {
    descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    // collected since the folder was read
    if (code === 'ENOENT') return undefined
    if (code === 'ELOOP' || code === 'ENXIO') return 'no regular file'
    throw fromNodeError(error, path)
  }
  if (!fstatSync(descriptor).isFile()) {
    closeSync(descriptor)
    return 'no regular file'
  }
  const hash = createHash('sha256')
  try {
    await pipeline(createReadStream('', { fd: descriptor, highWaterMark: 1 << 20 }), hash, {
      ...(signal && { signal }),
    })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EIO') return unreadable
    throw fromNodeError(error, path)
  }
  const found = `sha256:${hash.digest('hex')}`
  return found === digest ? undefined : `its bytes are ${found}`
}

function checkIndexes({ root, database }: CheckParts, { repair = false }: CheckOptions): Damage[] {
  return damagedIndexes(join(root, 'snapshots')).map(({ path, diffId }) => {
    // who has it mounted keeps reading the file without a name
    if (repair) rmSync(path, { force: true })
    const reason = `the index of its files is damaged${neededBy(database, diffId)}`
    return { kind: 'INDEX_DAMAGED', object: diffId, reason }
  })
}

function checkImages({ database, folders }: CheckParts): Damage[] {
  const rows = database.all(
    "SELECT DISTINCT name FROM image_refs WHERE kind = 'blob' AND source = 'manifest'",
  )
  return rows
    .filter((row) => sizeOf(folders, row['name'] as Digest) === undefined)
    .map((row) => ({
      kind: 'BLOB_MISSING',
      object: String(row['name']),
      reason: `it is gone${neededBy(database, String(row['name']))}`,
    }))
}

function checkRecords(database: Database): Damage[] {
  return database.all('SELECT kind, id, holds FROM records').flatMap((row) => {
    const holds = JSON.parse(String(row['holds'])) as Resource[]
    return holds.flatMap((hold) => {
      if (hold.kind !== 'image') return []
      if (database.get('SELECT 1 FROM images WHERE id = ?', hold.id) !== undefined) return []
      return [
        {
          kind: 'IMAGE_MISSING',
          object: hold.id,
          reason: `${String(row['kind'])} ${String(row['id'])} needs it`,
        },
      ]
    })
  })
}

/** The images that a blob belongs to, by name where they have one. */
function neededBy(database: Database, digest: string): string {
  const rows = database.all(
    `SELECT DISTINCT coalesce((SELECT min(name) FROM names WHERE names.image = refs.image), refs.image) AS image
     FROM image_refs AS refs WHERE refs.kind = 'blob' AND refs.name = ?`,
    digest,
  )
  return rows.map((row) => `; image ${String(row['image'])} needs it`).join('')
}
