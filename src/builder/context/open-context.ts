import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { limits } from '../../dockerfile/limits.ts'
import { digestHex, sha256 } from '../../oci/digest.ts'
import type { Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { readText } from '../../util/read-text.ts'
import type { BuildRequest, TreeContext } from '../build.ts'
import { openGitTree, resolveGit } from '../sources/git-source.ts'
import type { Credentials } from '../sources/source-access.ts'
import type { Checkout } from './checkout.ts'
import {
  emptyContext,
  fetchForContext,
  openStreamContext,
  openUrlContext,
  openUrlTree,
  treeContext,
} from './archive-context.ts'
import { findAlone, findInFolder } from './find-dockerfile.ts'
import { FolderTree } from './folder-tree.ts'
import type { Ignore } from './ignore-file.ts'
import { findIgnore } from './ignore-file.ts'
import type { SourceTree } from './source-tree.ts'

/** A build context with its Dockerfile; of a folder nothing else has been read yet. */
export interface OpenedContext extends AsyncDisposable {
  readonly source: Buffer | string
  /** As the user knows it; shown in errors. */
  readonly fileName: string
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  readonly ignore?: Ignore
  /** Path of the Dockerfile in the context, when it is in it. */
  readonly dockerfilePath?: string
  /** The lock file beside the Dockerfile; absent when that is no file. */
  readonly lockFile?: { readonly path: string; read(): Buffer | undefined }
  /** The files, opened at the first call. */
  tree(): SourceTree
}

export interface ContextOptions extends Credentials {
  readonly store: Store
  readonly signal: AbortSignal | undefined
  /** Folders are read from the beginning, nothing is remembered, and they look like this copy of them. */
  readonly checkout?: Checkout | undefined
}

/** Where the Dockerfile is, once a URL was fetched. */
export type DockerfileOption = Exclude<BuildRequest['dockerfile'], { readonly kind: 'url' }>

type ContextRequest = Pick<BuildRequest, 'context' | 'dockerfile' | 'buildArgs'>

/**
 * Finds the context and the Dockerfile in it (A13, B11, B12, B57). Errors: BUILD_CONTEXT_NOT_FOUND,
 * BUILD_CONTEXT_NOT_FOLDER, BUILD_CONTEXT_INVALID, DOCKERFILE_NOT_FOUND, IGNORE_PATTERN_INVALID, URL_FAILED, GIT codes.
 */
export async function openContext(request: ContextRequest, options: ContextOptions): Promise<OpenedContext> {
  const { context } = request
  const dockerfile = await fetchDockerfile(request, options)
  switch (context.kind) {
    case 'folder':
      return await openFolderContext(context.path, dockerfile, options)
    case 'stream':
      return await openStreamContext(context.stream, dockerfile, options)
    case 'http':
      return await openUrlContext(context.url, dockerfile, options)
    case 'git':
      return await openGitContext(context, dockerfile, request, options)
    case 'empty': {
      const { source, fileName } = findAlone(dockerfile)
      return emptyContext(source, fileName)
    }
  }
}

/** The files of a named context (B13); a folder has its own ignore file (B58). Errors: as `openContext`. */
export async function openTree(context: TreeContext, options: ContextOptions): Promise<SourceTree> {
  switch (context.kind) {
    case 'folder': {
      const root = realFolder(context.path)
      return await openFolder(root, findIgnore(root), options)
    }
    case 'http':
      return await openUrlTree(context.url, options)
    case 'git':
      return await openGitTree(await resolveGit(context.reference, options), options)
  }
}

async function fetchDockerfile(
  { dockerfile }: ContextRequest,
  options: ContextOptions,
): Promise<DockerfileOption> {
  if (dockerfile?.kind !== 'url') return dockerfile
  using file = await fetchForContext(dockerfile.url, options)
  if (file.size > limits.fileBytes)
    throw failure('DOCKERFILE_LIMIT', { reason: `the Dockerfile is larger than ${limits.fileBytes} bytes` })
  return { kind: 'text', text: readText(file.path) }
}

async function openFolderContext(
  path: string,
  dockerfile: DockerfileOption,
  options: ContextOptions,
): Promise<OpenedContext> {
  const root = realFolder(path)
  const found = findInFolder(root, dockerfile)
  const ignore = findIgnore(root, found.path)
  const openTree = await treeOpener(root, ignore, options)
  let tree: SourceTree | undefined
  return {
    source: found.source,
    fileName: found.fileName,
    scope: digestHex(sha256(`${root}\0${found.path ?? '-'}`)).slice(0, 16),
    ...(ignore && { ignore }),
    ...(found.path !== undefined && {
      dockerfilePath: relative(root, found.path),
      lockFile: lockBeside(found.path),
    }),
    tree: () => (tree ??= openTree()),
    [Symbol.asyncDispose]: async () => await tree?.[Symbol.asyncDispose](),
  }
}

function lockBeside(dockerfile: string): NonNullable<OpenedContext['lockFile']> {
  const path = `${dockerfile}.lock`
  return { path, read: () => (existsSync(path) ? readFileSync(path) : undefined) }
}

async function openFolder(
  root: string,
  ignore: Ignore | undefined,
  options: ContextOptions,
): Promise<SourceTree> {
  return (await treeOpener(root, ignore, options))()
}

async function treeOpener(
  root: string,
  ignore: Ignore | undefined,
  { store, checkout }: ContextOptions,
): Promise<() => SourceTree> {
  const common = { isContext: true, ...(ignore && { ignore }) }
  if (checkout !== undefined) return () => new FolderTree(root, { ...common, checkout })
  const indexFile = join(await store.folder('contexts'), `${digestHex(sha256(root)).slice(0, 32)}.index`)
  return () => new FolderTree(root, { ...common, indexFile })
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

/** The commit is no part of the scope: the steps are the same ones after the next. */
async function openGitContext(
  { reference }: Extract<TreeContext, { kind: 'git' }>,
  dockerfile: DockerfileOption,
  { buildArgs }: ContextRequest,
  options: ContextOptions,
): Promise<OpenedContext> {
  const keeps = /^(1|t|true)$/i.test(buildArgs['BUILDKIT_CONTEXT_KEEP_GIT_DIR'] ?? '')
  const wanted = keeps ? { ...reference, keepGitDir: true } : reference
  const tree = await openGitTree(await resolveGit(wanted, options), options)
  const { remote, ref = '', subdir = '' } = reference
  const shown = hidePasswords(remote)
  return await treeContext(tree, shown, `git ${shown}#${ref}:${subdir}`, dockerfile)
}
