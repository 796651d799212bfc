import type { Readable } from 'node:stream'
import { posix } from 'node:path'
import { digestHex, type Digest } from '../oci/digest.ts'
import type { BlobInfo, Lease, Store } from '../store/store.ts'
import { readTar } from '../tar/read-tar.ts'
import { failure, isMilleError } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** Members of one archive. More are refused before they are looked at. */
const maxMembers = 100_000
/** Links on links in an archive of old Docker. */
const maxLinks = 8

/** An image archive whose members are in the content store: nothing of it was ever written under its own names. */
export interface ArchiveMembers {
  /** By member path, links followed inside the archive only; undefined when there is no such file. */
  find(path: string): BlobInfo | undefined
  readonly names: readonly string[]
}

/**
 * Streams every file of an archive into the content store, held by `lease`. A member called `blobs/sha256/<hex>` must
 * have that digest. Links are kept as text and looked up among the members: no path of the archive ever reaches the
 * file system (attacks C-M13). ARCHIVE_INVALID for other kinds of members.
 */
export async function storeMembers(
  store: Store,
  source: Readable,
  lease: Lease,
  options: OpOptions = {},
): Promise<ArchiveMembers> {
  const { files, links } = await readMembers(store, source, lease, options).catch((error: unknown) => {
    throw asArchiveFailure(error)
  })
  const find = (path: string): BlobInfo | undefined => {
    let at = memberPath(path)
    for (let steps = 0; steps < maxLinks && links.has(at); steps++) at = links.get(at) as string
    return files.get(at)
  }
  return { find, names: [...files.keys(), ...links.keys()] }
}

interface Members {
  readonly files: Map<string, BlobInfo>
  readonly links: Map<string, string>
}

async function readMembers(
  store: Store,
  source: Readable,
  lease: Lease,
  { signal }: OpOptions,
): Promise<Members> {
  const files = new Map<string, BlobInfo>()
  const links = new Map<string, string>()
  let count = 0
  for await (const { entry, body } of readTar(source)) {
    if (++count > maxMembers) throw failure('ARCHIVE_INVALID', { reason: `more than ${maxMembers} members` })
    const path = memberPath(entry.path)
    switch (entry.type) {
      case 'file':
        files.set(
          path,
          await store.layers.keep(body, { expected: expectedOf(path, entry.size), lease, signal }),
        )
        break
      case 'symlink':
        links.set(path, posix.join(posix.dirname(path), entry.linkTarget ?? ''))
        break
      case 'hardlink':
        links.set(path, memberPath(entry.linkTarget ?? ''))
        break
      case 'directory':
        break
      default:
        throw failure('ARCHIVE_INVALID', { reason: `member "${path}" is a ${entry.type}` })
    }
  }
  if (count === 0) throw failure('ARCHIVE_EMPTY', {})
  return { files, links }
}

/** What is wrong with the tar is said of the archive: it is no layer. */
function asArchiveFailure(error: unknown): unknown {
  if (!isMilleError(error, 'LAYER_TAR_MALFORMED', 'LAYER_TAR_TRUNCATED')) return error
  const { offset, reason = 'it ends early' } = error.details
  const text = `${String(reason)}, at byte ${String(offset)}`
  return failure('ARCHIVE_INVALID', { reason: text }, { cause: error })
}

/** A clean relative path; ARCHIVE_PATH for one that leaves the archive. */
function memberPath(path: string): string {
  const clean = posix.normalize(path).replace(/\/$/, '')
  if (posix.isAbsolute(clean) || clean === '..' || clean.startsWith('../'))
    throw failure('ARCHIVE_PATH', { path })
  return clean
}

const blobPath = /^blobs\/sha256\/([0-9a-f]{64})$/

function expectedOf(path: string, size: number): { readonly size: number; readonly digest?: Digest } {
  const hex = blobPath.exec(path)?.[1]
  return hex === undefined ? { size } : { size, digest: `sha256:${hex}` as Digest }
}

/** Where a blob lies in an OCI layout. */
export function layoutPath(digest: Digest): string {
  return `blobs/sha256/${digestHex(digest)}`
}
