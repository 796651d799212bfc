import { constants } from 'node:fs'
import { chmod, lchown, link, lstat, lutimes, mkdir, open, rm, symlink } from 'node:fs/promises'
import type { Readable } from 'node:stream'
import { join } from 'node:path'
import type { TarEntry } from '../../tar/entry.ts'
import { readTar, type TarMember } from '../../tar/read-tar.ts'
import { failure } from '../../util/errors.ts'
import { fileFailure } from '../input/open-file.ts'

export interface WriteLocalOptions {
  /** What the top entry of the tar is called here; its own name is dropped. */
  readonly rename: string
  /** Give files the owners of the tar; else they are the caller's. */
  readonly owners: boolean
}

/**
 * Writes a container's tar below the folder `root`, the top entry under another name. The container made the tar:
 * no entry leaves `root`, none is written through a link that stands on the way, and devices are not made.
 * Resolves with the bytes written. CLI_FAILED, CLI_OPEN_FILE.
 */
export async function writeLocal(
  source: Readable,
  root: string,
  options: WriteLocalOptions,
): Promise<number> {
  const folders: { readonly path: string; readonly entry: TarEntry }[] = []
  let bytes = 0
  let top: number | undefined
  for await (const member of readTar(source)) {
    // the copy of a container's root has no top entry to rename
    top ??= cleanParts(member.entry.path).length
    const naming: Naming = { top, rename: options.rename }
    const parts = placeParts(member.entry.path, naming)
    const path = join(root, ...parts)
    await checkParents(root, parts)
    try {
      bytes += await writeEntry(member, path, root, naming)
    } catch (cause) {
      throw fileFailure(path, cause)
    }
    if (member.entry.type === 'directory') folders.push({ path, entry: member.entry })
    else await setMetadata(path, member.entry, options.owners)
  }
  // last, inner before outer: writing into a folder changes its time, and may need its write bit
  for (const { path, entry } of folders.toReversed()) await setMetadata(path, entry, options.owners)
  return bytes
}

interface Naming {
  /** Parts of the top entry's name: 1, or 0 when the archive is of a whole root. */
  readonly top: number
  readonly rename: string
}

/** Name parts below the destination, the top one renamed. */
function placeParts(name: string, { top, rename }: Naming): string[] {
  const rest = cleanParts(name).slice(top)
  return rename === '.' ? rest : [rename, ...rest]
}

/** The parts of a name; `..` is refused, as nothing honest needs it. */
function cleanParts(name: string): string[] {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (parts.includes('..') || name.includes('\0')) {
    throw failure('CLI_FAILED', { reason: `refusing an archive entry that leaves its folder: ${name}` })
  }
  return parts
}

/** A link that the tar (or an earlier copy) put on the way would lead the write out of the destination. */
async function checkParents(root: string, parts: readonly string[]): Promise<void> {
  for (let depth = 1; depth < parts.length; depth++) {
    const parent = join(root, ...parts.slice(0, depth))
    const info = await lstat(parent).catch(() => undefined)
    if (!info?.isDirectory()) {
      throw failure('CLI_FAILED', { reason: `refusing to write through ${parent}: it is no folder` })
    }
  }
}

async function writeEntry(
  { entry, body }: TarMember,
  path: string,
  root: string,
  naming: Naming,
): Promise<number> {
  const present = await lstat(path).catch(() => undefined)
  if (entry.type === 'directory') {
    if (present && !present.isDirectory()) {
      throw failure('CLI_FAILED', { reason: `cannot overwrite non-directory "${path}" with directory` })
    }
    if (!present) await mkdir(path, 0o700)
    return 0
  }
  if (present?.isDirectory()) {
    throw failure('CLI_FAILED', { reason: `cannot overwrite directory "${path}" with non-directory` })
  }
  if (present) await rm(path)
  if (entry.type === 'file') return await writeBody(body, path)
  if (entry.type === 'symlink') await symlink(entry.linkTarget ?? '', path)
  else if (entry.type === 'hardlink') {
    const target = placeParts(entry.linkTarget ?? '', naming)
    await checkParents(root, target)
    await link(join(root, ...target), path)
  }
  return 0
}

async function writeBody(body: Readable, path: string): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
  await using file = await open(path, flags, 0o600)
  let bytes = 0
  for await (const chunk of body as AsyncIterable<Buffer>) {
    await file.writeFile(chunk)
    bytes += chunk.length
  }
  return bytes
}

async function setMetadata(path: string, entry: TarEntry, owners: boolean): Promise<void> {
  if (entry.type === 'hardlink' || entry.type === 'char' || entry.type === 'block' || entry.type === 'fifo')
    return
  if (owners) await lchown(path, entry.uid, entry.gid)
  if (entry.type !== 'symlink') await chmod(path, owners ? entry.mode : entry.mode & 0o777)
  const seconds = Number(entry.mtime) / 1e9
  await lutimes(path, seconds, seconds)
}
