import { createReadStream } from 'node:fs'
import { Readable } from 'node:stream'
import { limits } from '../../dockerfile/limits.ts'
import { failure } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { collectBytes } from '../../util/run-program.ts'
import { fetchUrl } from '../sources/fetch-url.ts'
import { httpAuthorization } from '../sources/source-access.ts'
import { decompressed, sniffArchive } from './decompress.ts'
import { findInTree } from './find-dockerfile.ts'
import type { ContextOptions, DockerfileOption, OpenedContext } from './open-context.ts'
import { spoolTar } from './spooled-tar.ts'
import { TarTree } from './tar-tree.ts'

/** A tar in any compression, or a Dockerfile when it is no tar (B11). The ignore file of a tar is not asked. */
export async function openStreamContext(
  stream: Readable,
  dockerfile: DockerfileOption,
  options: ContextOptions,
): Promise<OpenedContext> {
  return await openArchiveContext(stream, 'the tar from standard input', dockerfile, options)
}

/** The same from a URL: a tar, else a Dockerfile. */
export async function openUrlContext(
  url: string,
  dockerfile: DockerfileOption,
  options: ContextOptions,
): Promise<OpenedContext> {
  using file = await fetchForContext(url, options)
  const stream = createReadStream(file.path)
  return await openArchiveContext(stream, hidePasswords(url), dockerfile, options)
}

/** The files of a tar behind a URL, as a named context (B13). */
export async function openUrlTree(url: string, options: ContextOptions): Promise<TarTree> {
  using file = await fetchForContext(url, options)
  const { head, whole } = await readHead(createReadStream(file.path), 512)
  const format = sniffArchive(head)
  if (format === undefined) {
    whole.destroy()
    throw failure('BUILD_CONTEXT_INVALID', {
      reason: `${hidePasswords(url)} is neither a tar nor a compressed tar`,
    })
  }
  return await spoolTree(whole, format, options)
}

export async function fetchForContext(url: string, options: ContextOptions): ReturnType<typeof fetchUrl> {
  const authorization = await httpAuthorization(url, options)
  return await fetchUrl(url, { ...options, authorization })
}

async function openArchiveContext(
  stream: Readable,
  where: string,
  dockerfile: DockerfileOption,
  options: ContextOptions,
): Promise<OpenedContext> {
  const { head, whole } = await readHead(stream, 512)
  const format = sniffArchive(head)
  if (format === undefined) {
    if (dockerfile !== undefined) {
      whole.destroy()
      throw failure('BUILD_CONTEXT_INVALID', { reason: `${where} is neither a tar nor a compressed tar` })
    }
    return emptyContext(await collectBytes(whole, limits.fileBytes), 'Dockerfile')
  }
  return await treeContext(await spoolTree(whole, format, options), where, 'tar', dockerfile)
}

async function spoolTree(
  stream: Readable,
  format: NonNullable<ReturnType<typeof sniffArchive>>,
  { store, signal }: ContextOptions,
): Promise<TarTree> {
  const tar = await spoolTar(decompressed(stream, format), store.content.temporaryPath(), signal)
  try {
    return new TarTree(tar)
  } catch (error) {
    tar[Symbol.dispose]()
    throw error
  }
}

/** A context whose Dockerfile is in its tree; `scope` tells it from others over builds. */
export async function treeContext(
  tree: TarTree,
  where: string,
  scope: string,
  dockerfile: DockerfileOption,
): Promise<OpenedContext> {
  try {
    const { source, fileName, path } = findInTree(tree, where, dockerfile)
    return {
      source,
      fileName,
      scope: `${scope} ${path ?? '-'}`,
      ...(path !== undefined && {
        dockerfilePath: path,
        lockFile: { path: `${path}.lock`, read: () => tree.read(`${path}.lock`, limits.fileBytes) },
      }),
      tree: () => tree,
      [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
    }
  } catch (error) {
    await tree[Symbol.asyncDispose]()
    throw error
  }
}

export function emptyContext(source: Buffer | string, fileName: string): OpenedContext {
  const tree = new TarTree(undefined)
  return {
    source,
    fileName,
    scope: 'stdin',
    tree: () => tree,
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  }
}

/** The first `length` bytes, and all of the stream again. */
async function readHead(
  stream: Readable,
  length: number,
): Promise<{ readonly head: Buffer; readonly whole: Readable }> {
  const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Buffer>
  const parts: Buffer[] = []
  let size = 0
  while (size < length) {
    const next = await chunks.next()
    if (next.done === true) break
    parts.push(Buffer.from(next.value))
    size += next.value.length
  }
  const head = Buffer.concat(parts)
  return { head, whole: Readable.from(joined(head, chunks), { objectMode: false }) }
}

async function* joined(head: Buffer, rest: AsyncIterator<Buffer>): AsyncGenerator<Buffer> {
  if (head.length > 0) yield head
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) yield next.value
}
