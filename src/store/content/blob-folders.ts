import { mkdirSync, readdirSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Digest } from '../../oci/digest.ts'
import { digestHex } from '../../oci/digest.ts'
import { randomHex } from '../../util/random.ts'

/** Where the content store keeps its files. All on one file system by construction, so every rename is atomic. */
export interface BlobFolders {
  readonly blobs: string
  /** Files being written: `tmp-…` of one process, `key-…` resumable. */
  readonly ingest: string
  /** Renamed here, then unlinked; what a killed process left goes with the next collection. */
  readonly trash: string
  /** Damaged blobs, for a human to look at; removed by the next collection. */
  readonly quarantine: string
}

export function blobFolders(root: string): BlobFolders {
  return {
    blobs: join(root, 'blobs', 'sha256'),
    ingest: join(root, 'ingest'),
    trash: join(root, 'trash'),
    quarantine: join(root, 'quarantine'),
  }
}

export function makeBlobFolders(folders: BlobFolders): void {
  for (const folder of Object.values(folders) as string[]) mkdirSync(folder, { recursive: true, mode: 0o700 })
}

export function blobPath(folders: BlobFolders, digest: Digest): string {
  return join(folders.blobs, digestHex(digest))
}

/** Moves a file or folder out of sight; the name in the new folder is unguessable. False when it is gone already. */
export function moveAside(path: string, folder: string, label: string): boolean {
  try {
    renameSync(path, join(folder, `${label}-${randomHex(8)}`))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

export function hasBlobs(folders: BlobFolders): boolean {
  try {
    return readdirSync(folders.blobs).length > 0
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
