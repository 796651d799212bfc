import { chmodSync, existsSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fromNodeError } from '../linux/system-failure.ts'
import { makeFolders } from '../util/make-folders.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { BlobFolders } from './content/blob-folders.ts'
import { blobFolders, hasBlobs, makeBlobFolders } from './content/blob-folders.ts'
import { FileBlobStore } from './content/blob-store.ts'
import { removeAbandoned, temporaryPath } from './content/temporary-files.ts'
import type { Locks } from './locks.ts'
import { openLocks } from './locks.ts'
import { DatabaseCacheStore } from './metadata/cache.ts'
import type { Database, DatabaseOptions } from './metadata/database.ts'
import { openDatabase } from './metadata/database.ts'
import { DatabaseImageStore } from './metadata/images.ts'
import { IngestLedger } from './metadata/ingest-ledger.ts'
import { keepReserve } from './metadata/reserve.ts'
import { VolatileLedger } from './metadata/volatile.ts'
import type { BlobStore, CacheStore, ImageStore } from './store.ts'

/** Content and metadata of a store: everything that needs neither layers nor snapshots. */
export interface StoreCore {
  readonly root: string
  readonly folders: BlobFolders
  readonly database: Database
  readonly volatile: VolatileLedger
  readonly ingests: IngestLedger
  readonly locks: Locks
  readonly content: BlobStore
  readonly images: ImageStore
  readonly cache: CacheStore
}

/**
 * Opens the store below `root`, making it when there is none. Only cheap looks: no file is read but the database's.
 * STORE_ROOT_UNUSABLE, STORE_DAMAGED, STORE_TOO_NEW, SQLITE_TOO_OLD, or the system's refusal (PATH_PERMISSION, NO_SPACE, …).
 */
export async function openCore(path: string, options: DatabaseOptions = {}): Promise<StoreCore> {
  const root = resolve(path)
  const folders = blobFolders(root)
  const isNew = !existsSync(join(root, 'oci-layout'))
  try {
    if (isNew) makeRoot(root, folders)
    const database = await openDatabase(root, () => !hasBlobs(folders), options)
    try {
      if (isNew) finishNewStore(root, folders)
      removeAbandoned(folders.ingest)
      return coreOf(root, folders, database)
    } catch (error) {
      database.close()
      throw error
    }
  } catch (error) {
    throw fromNodeError(error, root)
  }
}

function coreOf(root: string, folders: BlobFolders, database: Database): StoreCore {
  const volatile = new VolatileLedger(database)
  const ingests = new IngestLedger(database)
  const locks = openLocks(join(root, 'locks'))
  const ledger = {
    transaction: <Result>(work: () => Result): Result => database.transaction(work),
    isVolatile: (digest: Parameters<VolatileLedger['hasBlob']>[0]): boolean => volatile.hasBlob(digest),
  }
  const content = new FileBlobStore({ folders, ledger, ingests, locks })
  return {
    root,
    folders,
    database,
    volatile,
    ingests,
    locks,
    content,
    images: new DatabaseImageStore({ root, database, folders, content, volatile }),
    cache: new DatabaseCacheStore(database),
  }
}

/** STORE_ROOT_UNUSABLE when no such folder can be had; a full disk is told as one. */
function makeRoot(root: string, folders: BlobFolders): void {
  try {
    makeStoreFolders(root, folders)
  } catch (cause) {
    const error = fromNodeError(cause, root)
    if (!isMilleError(error) || error.code === 'NO_SPACE') throw error
    throw failure('STORE_ROOT_UNUSABLE', { root, reason: error.message }, { cause })
  }
}

function makeStoreFolders(root: string, folders: BlobFolders): void {
  makeFolders(root, 0o700)
  // layers hold set-uid programs and secrets of images: nobody else may look in
  chmodSync(root, 0o700)
  mkdirSync(join(root, 'locks'), { recursive: true, mode: 0o700 })
  makeBlobFolders(folders)
}

/** `oci-layout` comes last: its presence says that everything else is there. Source: OCI image-spec 1.1, image-layout.md. */
function finishNewStore(root: string, folders: BlobFolders): void {
  keepReserve(root)
  const made = temporaryPath(folders.ingest)
  writeFileSync(made, JSON.stringify({ imageLayoutVersion: '1.0.0' }), { mode: 0o600 })
  renameSync(made, join(root, 'oci-layout'))
}

/** A folder below the root for one concept, made when missing. INVALID_ARGUMENT for a part that is not one plain name. */
export function makeFolder(root: string, parts: readonly string[]): string {
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..' || /[/\0]/.test(part)) {
      throw failure('INVALID_ARGUMENT', { reason: `invalid folder name "${part}"` })
    }
  }
  const path = join(root, ...parts)
  try {
    mkdirSync(path, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw fromNodeError(error, path)
  }
  return path
}
