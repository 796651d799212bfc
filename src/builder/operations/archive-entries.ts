import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { decompressed, sniffArchive } from '../context/decompress.ts'
import { spoolTar } from '../context/spooled-tar.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import type { FileBody } from '../../store/file-body.ts'
import type { LayerEntry } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { BuildSession } from '../session.ts'
import type { CopyEntries } from './copy-entries.ts'

/** A file that ADD may unpack. */
export interface ArchiveFile {
  /** For errors. */
  readonly name: string
  readonly body: () => FileBody
  /** Asked when all was read: throws when the file changed meanwhile. */
  readonly recheck?: () => void
}

/** Undefined for a file that is no archive; a damaged archive is an error, never copied silently (B45, D-F40). */
export async function openArchive(
  { store, signal }: Pick<BuildSession, 'store' | 'signal'>,
  { name, body, recheck }: ArchiveFile,
): Promise<SpooledTar | undefined> {
  const format = sniffArchive(await headOf(openBody(body())))
  if (format === undefined) return undefined
  try {
    // a compressed file that holds no tar is copied as it is
    const inner = await headOf(Readable.from(decompressed(openBody(body()), format), { objectMode: false }))
    if (sniffArchive(inner) !== 'tar') return undefined
    const tar = await spoolTar(decompressed(openBody(body()), format), store.content.temporaryPath(), signal)
    try {
      recheck?.()
    } catch (error) {
      tar[Symbol.dispose]()
      throw error
    }
    return tar
  } catch (error) {
    if (!isMilleError(error) || error.kind === 'canceled' || error.code === 'BUILD_CONTEXT_CHANGED')
      throw error
    const reason = `the archive ${name} cannot be read: ${error.message}`
    throw failure('INVALID_ARGUMENT', { reason }, { cause: error })
  }
}

/** The members of an archive become entries below the destination; as in BuildKit `--chmod` is not for them. */
export function addArchive(entries: CopyEntries, tar: SpooledTar): void {
  for (const member of tar.entries) {
    if (member.path === '') continue
    const { entry, xattrs, linkPath } = member
    const common: Omit<LayerEntry, 'path'> = {
      type: entry.type,
      // the kernel gives links no other, whatever the tar says
      mode: entry.type === 'symlink' ? 0o777 : entry.mode,
      uid: entry.uid,
      gid: entry.gid,
      mtime: entry.mtime,
      ...(xattrs === undefined ? {} : { xattrs }),
    }
    const body = { kind: 'stream', open: () => tar.open(member) } as const
    entries.addEntry(member.path, {
      ...common,
      ...(entry.type === 'file' ? { size: entry.size, body } : {}),
      ...(entry.device === undefined ? {} : { device: entry.device }),
      ...(entry.linkTarget === undefined ? {} : { linkTarget: linkPath ?? entry.linkTarget }),
    })
  }
}

function openBody(body: FileBody): Readable {
  if (body.kind === 'bytes') return Readable.from([Buffer.from(body.bytes)])
  if (body.kind === 'file') return createReadStream(body.path)
  if (body.kind === 'descriptor') return createReadStream('', { fd: body.open() })
  return body.open()
}

async function headOf(stream: Readable): Promise<Buffer> {
  const parts: Buffer[] = []
  let size = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    parts.push(chunk)
    size += chunk.length
    if (size >= 512) break
  }
  return Buffer.concat(parts)
}
