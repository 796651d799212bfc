import { closeSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { parseIgnore } from '../../dockerfile/ignore.ts'
import type { IgnoreRules } from '../../dockerfile/ignore.ts'
import { limits } from '../../dockerfile/limits.ts'
import { openFileInRoot } from '../../linux/open-in-root.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { collectBytes } from '../../util/run-program.ts'
import type { BuildRequest } from '../build.ts'
import { decompressed, sniffArchive } from './decompress.ts'
import { FolderTree } from './folder-tree.ts'
import type { SourceTree } from './source-tree.ts'
import { spoolTar } from './spooled-tar.ts'
import { TarTree } from './tar-tree.ts'
import { cleanParts } from './select-sources.ts'

const defaultNames = ['Dockerfile', 'Containerfile']

/** A build context with its Dockerfile; nothing else of it has been read yet. */
export interface OpenedContext extends AsyncDisposable {
  readonly source: Buffer | string
  /** As the user knows it; shown in errors. */
  readonly fileName: string
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  readonly ignore?: Ignore
  /** Path of the Dockerfile in the context, when it is in it. */
  readonly dockerfilePath?: string
  /** The files, opened at the first call. */
  tree(): SourceTree
}

export interface ContextOptions {
  readonly store: Store
  readonly signal: AbortSignal | undefined
}

/**
 * Finds the context and the Dockerfile in it (A13, B11, B57). Errors: BUILD_CONTEXT_NOT_FOUND, BUILD_CONTEXT_NOT_FOLDER,
 * BUILD_CONTEXT_INVALID, DOCKERFILE_NOT_FOUND, IGNORE_PATTERN_INVALID.
 */
export async function openContext(
  request: Pick<BuildRequest, 'context' | 'dockerfile'>,
  options: ContextOptions,
): Promise<OpenedContext> {
  const { context, dockerfile } = request
  switch (context.kind) {
    case 'folder':
      return await openFolderContext(context.path, dockerfile, options)
    case 'stream':
      return await openStreamContext(context.stream, dockerfile, options)
    case 'empty': {
      const { source, fileName } = outsideDockerfile(dockerfile)
      return emptyContext(source, fileName)
    }
  }
}

async function openFolderContext(
  path: string,
  dockerfile: BuildRequest['dockerfile'],
  { store }: ContextOptions,
): Promise<OpenedContext> {
  const root = realFolder(path)
  const found =
    dockerfile?.kind === 'text'
      ? { source: dockerfile.text, fileName: 'Dockerfile' }
      : findDockerfile(root, dockerfile?.path)
  const ignore = findIgnore(root, found.path)
  const indexFile = join(await store.folder('contexts'), `${digestHex(sha256(root)).slice(0, 32)}.index`)
  let tree: SourceTree | undefined
  return {
    source: found.source,
    fileName: found.fileName,
    scope: digestHex(sha256(`${root}\0${found.path ?? '-'}`)).slice(0, 16),
    ...(ignore && { ignore }),
    ...(found.path !== undefined && { dockerfilePath: relative(root, found.path) }),
    tree: () => (tree ??= new FolderTree(root, { isContext: true, indexFile, ...(ignore && { ignore }) })),
    [Symbol.asyncDispose]: async () => await tree?.[Symbol.asyncDispose](),
  }
}

function realFolder(path: string): string {
  const reason = (error: unknown): string =>
    (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such folder' : (error as Error).message
  try {
    const root = realpathSync(path)
    if (statSync(root).isDirectory()) return root
  } catch (error) {
    throw failure('BUILD_CONTEXT_NOT_FOUND', { path, reason: reason(error) }, { cause: error })
  }
  throw failure('BUILD_CONTEXT_NOT_FOLDER', { path })
}

interface FoundDockerfile {
  readonly source: Buffer | string
  readonly fileName: string
  /** Absolute. */
  readonly path?: string
}

function findDockerfile(root: string, given: string | undefined): FoundDockerfile {
  if (given !== undefined) {
    const candidates = [...new Set([resolve(given), resolve(root, given)])]
    const path = candidates.find((candidate) => statSync(candidate, { throwIfNoEntry: false }) !== undefined)
    if (path === undefined) throw notFound(`${given} is not there`)
    if (!statSync(path).isFile())
      throw notFound(`${given} is not a file${statSync(path).isDirectory() ? ' but a folder' : ''}`)
    return { source: readFileSync(path), fileName: given, path }
  }
  for (const name of defaultNames) {
    // a link in the context leads nowhere else (C-B4)
    const source = readInRoot(root, name)
    if (source !== undefined) return { source, fileName: name, path: join(root, name) }
  }
  const near = ['dockerfile', 'DOCKERFILE', 'containerfile'].find(
    (name) => readInRoot(root, name) !== undefined,
  )
  const hint = near === undefined ? '' : `; found "${near}": use -f ${near}`
  throw notFound(`no Dockerfile or Containerfile in ${root}${hint}`)
}

function notFound(reason: string): Error {
  return failure('DOCKERFILE_NOT_FOUND', { reason })
}

function readInRoot(root: string, path: string): Buffer | undefined {
  const descriptor = openFileInRoot(root, path)
  if (descriptor === undefined) return undefined
  try {
    return readFileSync(descriptor)
  } finally {
    closeSync(descriptor)
  }
}

interface Ignore {
  readonly rules: IgnoreRules
  readonly file: string
}

/** `<Dockerfile>.dockerignore` beside the Dockerfile wins over `.dockerignore` of the context (B57). */
function findIgnore(root: string, dockerfile: string | undefined): Ignore | undefined {
  if (dockerfile !== undefined) {
    const name = `${basename(dockerfile)}.dockerignore`
    const text = readInRoot(dirname(dockerfile), name)
    const file = relative(root, join(dirname(dockerfile), name))
    if (text !== undefined) return { rules: parseIgnore(text.toString(), file), file }
  }
  const text = readInRoot(root, '.dockerignore')
  return text === undefined
    ? undefined
    : { rules: parseIgnore(text.toString(), '.dockerignore'), file: '.dockerignore' }
}

async function openStreamContext(
  stream: Readable,
  dockerfile: BuildRequest['dockerfile'],
  { store, signal }: ContextOptions,
): Promise<OpenedContext> {
  const { head, whole } = await readHead(stream, 512)
  const format = sniffArchive(head)
  if (format === undefined) {
    if (dockerfile !== undefined) {
      throw failure('BUILD_CONTEXT_INVALID', {
        reason: 'standard input is neither a tar nor a compressed tar',
      })
    }
    return emptyContext(await collectBytes(whole, limits.fileBytes), 'Dockerfile')
  }
  const tar = await spoolTar(decompressed(whole, format), store.content.temporaryPath(), signal)
  try {
    return tarContext(tar, dockerfile)
  } catch (error) {
    tar[Symbol.dispose]()
    throw error
  }
}

function tarContext(
  tar: Awaited<ReturnType<typeof spoolTar>>,
  dockerfile: BuildRequest['dockerfile'],
): OpenedContext {
  const bare = new TarTree(tar)
  const read = (path: string): Buffer | undefined => bare.read(path, limits.fileBytes)
  const names = dockerfile?.kind === 'path' ? [cleanParts(dockerfile.path).join('/')] : defaultNames
  const name =
    dockerfile?.kind === 'text' ? undefined : names.find((candidate) => read(candidate) !== undefined)
  if (name === undefined && dockerfile?.kind !== 'text') {
    throw notFound(`the tar from standard input has no ${names.join(' or ')}`)
  }
  const source = dockerfile?.kind === 'text' ? dockerfile.text : (read(name ?? '') ?? '')
  const ignoreFile = [`${name ?? 'Dockerfile'}.dockerignore`, '.dockerignore'].find(
    (file) => read(file) !== undefined,
  )
  const ignore =
    ignoreFile === undefined
      ? undefined
      : { rules: parseIgnore(read(ignoreFile)?.toString() ?? '', ignoreFile), file: ignoreFile }
  const tree = new TarTree(tar, ignore === undefined ? {} : { ignore })
  return {
    source,
    fileName: name ?? 'Dockerfile',
    scope: `tar ${name ?? '-'}`,
    ...(ignore && { ignore }),
    ...(name !== undefined && { dockerfilePath: name }),
    tree: () => tree,
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  }
}

function emptyContext(source: Buffer | string, fileName: string): OpenedContext {
  const tree = new TarTree(undefined)
  return {
    source,
    fileName,
    scope: 'stdin',
    tree: () => tree,
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  }
}

function outsideDockerfile(dockerfile: BuildRequest['dockerfile']): FoundDockerfile {
  if (dockerfile === undefined) throw notFound('there is no context and no -f')
  if (dockerfile.kind === 'text') return { source: dockerfile.text, fileName: 'Dockerfile' }
  try {
    return { source: readFileSync(dockerfile.path), fileName: dockerfile.path }
  } catch (error) {
    throw notFound(isMilleError(error) ? error.message : `${dockerfile.path} cannot be read`)
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
