import { close, constants, fsync, lstatSync, open, renameSync } from 'node:fs'
import { promisify } from 'node:util'
import { fromNodeError } from '../../linux/system-failure.ts'
import type { Digest } from '../../oci/digest.ts'
import { digestHex } from '../../oci/digest.ts'
import type { BlobInfo, Lease } from '../store.ts'
import type { BlobFolders } from './blob-folders.ts'
import { blobPath, moveAside } from './blob-folders.ts'
import { unlinkQuietly } from './temporary-files.ts'

const callOpen = promisify(open)
const callFsync = promisify(fsync)
const callClose = promisify(close)

/** What publishing needs of the metadata. */
export interface ContentLedger {
  /** Runs `work` alone among all processes: no collector can remove between the look and the rename. */
  transaction<Result>(work: () => Result): Result
  /** Published by someone under a deferred lease and not synced yet? */
  isVolatile(digest: Digest): boolean
}

/**
 * Makes the finished file at `path` the blob `info`. `sync` makes its data durable before it gets its name, and the name
 * is durable before this returns, unless `lease` is deferred. When the blob is there already, the file is dropped.
 */
export async function publishBlob(
  folders: BlobFolders,
  ledger: ContentLedger,
  path: string,
  info: BlobInfo,
  lease: Lease | undefined,
  sync: () => Promise<void>,
): Promise<void> {
  const deferred = lease?.deferred === true
  if (!deferred) await sync()
  const present = makeVisible(folders, ledger, path, info, lease)
  if (deferred) return
  if (present && ledger.isVolatile(info.digest)) await syncPath(blobPath(folders, info.digest))
  await syncPath(folders.blobs)
}

/** True when the blob was there before. */
function makeVisible(
  folders: BlobFolders,
  ledger: ContentLedger,
  path: string,
  info: BlobInfo,
  lease: Lease | undefined,
): boolean {
  const resource = { kind: 'blob', digest: info.digest } as const
  let renamed = false
  try {
    return ledger.transaction(() => {
      lease?.hold(resource)
      if (isPresent(folders, info)) {
        unlinkQuietly(path)
        return true
      }
      lease?.defer(resource)
      renameSync(path, blobPath(folders, info.digest))
      renamed = true
      return false
    })
  } catch (error) {
    // what says "held" and "not durable yet" could not be committed, so the blob must not be seen
    if (renamed) unlinkQuietly(blobPath(folders, info.digest))
    throw fromNodeError(error, path)
  }
}

/**
 * Is there a file of that size under the digest? Something else under its name (cut short, a folder, a fifo) is moved
 * aside. Equal size is enough here: whoever reads the blob hashes it.
 */
function isPresent(folders: BlobFolders, info: BlobInfo): boolean {
  const path = blobPath(folders, info.digest)
  const status = lstatSync(path, { throwIfNoEntry: false })
  if (status === undefined) return false
  if (status.isFile() && status.size === info.size) return true
  moveAside(path, folders.quarantine, digestHex(info.digest))
  return false
}

async function syncPath(path: string): Promise<void> {
  try {
    const descriptor = await callOpen(path, constants.O_RDONLY)
    try {
      await callFsync(descriptor)
    } finally {
      await callClose(descriptor)
    }
  } catch (error) {
    throw fromNodeError(error, path)
  }
}
