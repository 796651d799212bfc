import { type BigIntStats, constants } from 'node:fs'
import { type FileHandle, lstat, open, readdir, readlink, stat } from 'node:fs/promises'
import type { TarHeader } from '../../tar/encode-header.ts'
import type { TarSource } from '../../tar/writer.ts'
import { decodeBytes, encodeBytes } from '../../util/byte-string.ts'
import { fileFailure } from '../input/open-file.ts'

export interface ReadLocalOptions {
  /** Name of the top entry in the tar; `.` for the content of a folder. */
  readonly name: string
  /** A link named as the source is followed. */
  readonly followLink: boolean
  /** Keep owners; else everything is root's. */
  readonly owners: boolean
}

interface Pending {
  readonly path: string
  readonly name: string
}

/** The tree at `path` of this machine as tar entries, folders before what is in them, names sorted. CLI_OPEN_FILE. */
export async function* readLocal(path: string, options: ReadLocalOptions): AsyncGenerator<TarSource> {
  const pending: Pending[] = [{ path, name: options.name }]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { path, name } = next
    const follow = options.followLink && name === options.name
    const info = await (follow ? stat : lstat)(encodeBytes(path), { bigint: true }).catch(
      (cause: unknown) => {
        throw fileFailure(path, cause)
      },
    )
    const header = await tarHeader(path, name, info, options.owners)
    // a socket has no form in a tar
    if (header === undefined) continue
    if (header.type === 'file' && info.size > 0n) {
      await using file = await openSource(path, follow)
      yield {
        header,
        body: file.createReadStream({ autoClose: false, end: Number(info.size) - 1, start: 0 }),
      }
      continue
    }
    yield { header }
    if (header.type !== 'directory') continue
    const names = (await readdir(encodeBytes(path), { encoding: 'buffer' })).map(decodeBytes)
    for (const child of names.sort().toReversed())
      pending.push({ path: `${path}/${child}`, name: `${name}/${child}` })
  }
}

async function openSource(path: string, follow: boolean): Promise<FileHandle> {
  return await open(encodeBytes(path), constants.O_RDONLY | (follow ? 0 : constants.O_NOFOLLOW)).catch(
    (cause: unknown) => {
      throw fileFailure(path, cause)
    },
  )
}

async function tarHeader(
  path: string,
  name: string,
  info: BigIntStats,
  owners: boolean,
): Promise<TarHeader | undefined> {
  const common = {
    path: name,
    mode: Number(info.mode & 0o7777n),
    uid: owners ? Number(info.uid) : 0,
    gid: owners ? Number(info.gid) : 0,
    mtime: info.mtimeNs,
  }
  if (info.isFile()) return { ...common, type: 'file', size: Number(info.size) }
  if (info.isDirectory()) return { ...common, type: 'directory' }
  if (info.isSymbolicLink()) {
    const target = await readlink(encodeBytes(path), { encoding: 'buffer' })
    return { ...common, type: 'symlink', linkTarget: decodeBytes(target) }
  }
  if (info.isFIFO()) return { ...common, type: 'fifo' }
  if (!info.isCharacterDevice() && !info.isBlockDevice()) return undefined
  return {
    ...common,
    type: info.isCharacterDevice() ? 'char' : 'block',
    device: {
      major: Number(((info.rdev >> 8n) & 0xfffn) | ((info.rdev >> 32n) & ~0xfffn)),
      minor: Number((info.rdev & 0xffn) | ((info.rdev >> 12n) & ~0xffn)),
    },
  }
}
