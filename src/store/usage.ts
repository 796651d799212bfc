import type { StoreUsage } from './reports.ts'
import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { DiffId, Digest } from '../oci/digest.ts'
import { diffIdAsDigest } from '../oci/digest.ts'
import type { BlobFolders } from './content/blob-folders.ts'
import { sizeOf } from './metadata/image-documents.ts'
import type { ImageStore } from './store.ts'

/** Bytes on disk, each layer once however many images share it. */
export function measureUsage(folders: BlobFolders, images: Pick<ImageStore, 'list'>): StoreUsage {
  const users = new Map<DiffId, Set<Digest>>()
  for (const { id, config } of images.list()) {
    for (const diffId of config.rootfs.diff_ids) {
      const set = users.get(diffId) ?? new Set()
      users.set(diffId, set.add(id))
    }
  }
  return {
    layers: [...users].map(([diffId, ids]) => ({
      diffId,
      size: sizeOf(folders, diffIdAsDigest(diffId)) ?? 0,
      images: [...ids],
    })),
    ingests: bytesIn(folders.ingest),
    blobs: bytesIn(folders.blobs),
  }
}

function bytesIn(folder: string): number {
  return readdirSync(folder)
    .map((name) => lstatSync(join(folder, name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0)
}
