import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { createHash } from 'node:crypto'
import type { Digest } from '../../oci/digest.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import type { BlobFolders } from './blob-folders.ts'
import { blobPath, moveAside } from './blob-folders.ts'

export interface OpenBlob {
  /** The caller closes it. */
  readonly descriptor: number
  readonly size: number
}

// a blob replaced by a link, fifo or device must neither be followed nor block the open (B-ST-7)
const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY

/** BLOB_NOT_FOUND; BLOB_DAMAGED (and quarantine) when it is no regular file. */
export function openBlob(folders: BlobFolders, digest: Digest): OpenBlob {
  let descriptor: number
  try {
    descriptor = openSync(blobPath(folders, digest), flags)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT') throw failure('BLOB_NOT_FOUND', { digest })
    // ELOOP: a symbolic link; ENXIO: a socket or a device without driver
    if (code === 'ELOOP' || code === 'ENXIO') throw quarantine(folders, digest, 'no regular file')
    throw fromNodeError(error)
  }
  const status = fstatSync(descriptor)
  if (status.isFile()) return { descriptor, size: status.size }
  closeSync(descriptor)
  throw quarantine(folders, digest, 'no regular file')
}

/** Takes a damaged blob out of sight, so that it is fetched again instead of served; returns the error to throw. */
export function quarantine(folders: BlobFolders, digest: Digest, reason: string): Error {
  moveAside(blobPath(folders, digest), folders.quarantine, digest.slice('sha256:'.length))
  return failure('BLOB_DAMAGED', { digest, reason })
}

/** A whole blob, hashed. BLOB_NOT_FOUND, BLOB_TOO_LARGE (above `limit` bytes), BLOB_DAMAGED. */
export function readBlob(folders: BlobFolders, digest: Digest, limit: number): Buffer {
  const { descriptor, size } = openBlob(folders, digest)
  try {
    if (size > limit) throw failure('BLOB_TOO_LARGE', { digest, size, limit })
    const bytes = Buffer.allocUnsafe(size)
    let offset = 0
    while (offset < size) {
      const count = readSync(descriptor, bytes, offset, size - offset, offset)
      if (count === 0) break
      offset += count
    }
    const found = `sha256:${createHash('sha256').update(bytes.subarray(0, offset)).digest('hex')}`
    if (found !== digest) throw quarantine(folders, digest, `expected ${digest}, got ${found}`)
    return bytes
  } finally {
    closeSync(descriptor)
  }
}
