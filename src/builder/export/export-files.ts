import { closeSync } from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openFolder } from '../../linux/openat2.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { chainIdOf, type DiffId } from '../../oci/digest.ts'
import { formatPlatform, type Platform } from '../../oci/platform.ts'
import type { Store } from '../../store/store.ts'
import { tarOfTree, type TimeOf } from '../../store/tree/tar-of-tree.ts'
import { type TarSource, writeTar } from '../../tar/writer.ts'
import { makeFolders } from '../../util/make-folders.ts'
import type { Predicate } from '../attest/attestation.ts'
import { withStatements } from './file-statements.ts'
import type { FilesOutput } from './output.ts'
import { writeFolder } from './write-folder.ts'

/** The files that a platform's build led to. */
export interface ResultRoot {
  /** As it was asked for, not as a base image calls itself: it becomes a folder's name. */
  readonly platform: Platform
  readonly diffIds: readonly DiffId[]
  /** What is stated about it. */
  readonly predicates?: readonly Predicate[]
}

export interface FilesExport {
  readonly store: Store
  /** Prefix of snapshot keys: says whose they are. */
  readonly id: string
  /** Seconds: what stands in a tar for times that only this machine knows. */
  readonly epoch: number
  readonly roots: readonly ResultRoot[]
  /** Of what there is to say while it runs. */
  readonly report: (status: string) => void
  readonly signal?: AbortSignal | undefined
}

/** Writes the files of all results as `output` says. */
export async function exportFiles(work: FilesExport, output: FilesOutput): Promise<void> {
  const split = output.split || work.roots.length > 1
  if (output.kind === 'tar') {
    await output.destination((sink) =>
      pipeline(writeTar(allMembers(work, output, split)), sink, { signal: work.signal }),
    )
    work.report('sending tarball done')
    return
  }
  let bytes = 0
  for (const root of work.roots) {
    const path = split ? join(output.path, folderName(root.platform)) : output.path
    const written = await exportFolder(work, root, output, path)
    bytes += written.bytes
    if (written.skipped.length > 0) work.report(`devices left out: ${written.skipped.join(', ')}`)
  }
  work.report(`copying files ${bytes} bytes done`)
}

async function exportFolder(
  work: FilesExport,
  root: ResultRoot,
  output: FilesOutput,
  path: string,
): ReturnType<typeof writeFolder> {
  try {
    makeFolders(path)
  } catch (error) {
    throw fromNodeError(error, path)
  }
  const target = openFolder(path)
  try {
    const members = membersOf(work, root, '', (mtime) => mtime)
    return await writeFolder(stated(work, root, output, '', members), target)
  } finally {
    closeSync(target)
  }
}

/** Folder by folder; the tar of the same result is the same bytes whenever and wherever it was made. */
async function* allMembers(
  work: FilesExport,
  output: FilesOutput,
  split: boolean,
): AsyncGenerator<TarSource> {
  for (const root of work.roots) {
    const local = new Set<bigint>()
    for (const diffId of root.diffIds)
      for (const time of await work.store.layers.localTimes(diffId)) local.add(time)
    const constant = constantTime(work)
    const timeOf: TimeOf = (mtime) => (local.has(mtime) ? constant : mtime)
    if (!split) {
      yield* stated(work, root, output, '', membersOf(work, root, '', timeOf))
      continue
    }
    const as = folderName(root.platform)
    yield { header: { path: as, type: 'directory', mode: 0o755, uid: 0, gid: 0, mtime: constant } }
    yield* stated(work, root, output, as, membersOf(work, root, as, timeOf))
  }
}

function constantTime({ epoch }: FilesExport): bigint {
  return BigInt(epoch) * 1_000_000_000n
}

function stated(
  work: FilesExport,
  { predicates = [] }: ResultRoot,
  { attestationPrefix: prefix }: FilesOutput,
  as: string,
  members: AsyncGenerator<TarSource>,
): AsyncGenerator<TarSource> {
  if (predicates.length === 0) return members
  return withStatements(members, as, { predicates, prefix, mtime: constantTime(work) })
}

/** Everything below the root of a result; the root itself has no name. */
async function* membersOf(
  { store, id, signal }: FilesExport,
  { diffIds }: ResultRoot,
  as: string,
  timeOf: TimeOf,
): AsyncGenerator<TarSource> {
  const chain = chainIdOf(diffIds)
  if (chain === undefined) return
  const key = `${id}-result`
  const { path } = await store.snapshots.view(key, chain)
  try {
    const root = openFolder(path)
    try {
      for await (const source of tarOfTree(root, '', as, timeOf)) {
        signal?.throwIfAborted()
        if (source.header.path !== '.' && source.header.path !== as) yield source
      }
    } finally {
      closeSync(root)
    }
  } finally {
    await store.snapshots.remove(key)
  }
}

/** `linux_arm_v7`. Parts of a platform have no slash and do not begin with a dot, so this is one plain name. */
function folderName(platform: Platform): string {
  return formatPlatform(platform).replaceAll('/', '_')
}
