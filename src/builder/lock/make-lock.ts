import { failure, isMilleError } from '../../util/errors.ts'
import type { OpOptions } from '../../util/progress.ts'
import type { BaseImages } from '../base-images.ts'
import type { BuildRequest } from '../build.ts'
import { openContext, type OpenedContext } from '../context/open-context.ts'
import type { BuilderParts } from '../builder-parts.ts'
import { explorePlan } from '../plan/make-plan.ts'
import type { AddOp, BuildStep } from '../plan/step.ts'
import { planOptions } from '../plan-options.ts'
import { readDockerfile } from '../read-dockerfile.ts'
import { fetchUrl } from '../sources/fetch-url.ts'
import { resolveGit } from '../sources/git-source.ts'
import { credentialsOf, httpAuthorization } from '../sources/source-access.ts'
import {
  compareLocks,
  emptyLock,
  formatLock,
  type LockChange,
  type LockFile,
  parseLock,
} from './lock-file.ts'
import { gitKey, imageKey, Pins, urlKey } from './pins.ts'

export interface LockReport {
  /** Where the lock file is, or belongs. */
  readonly path: string
  readonly isNew: boolean
  /** Why nothing of the file that is there is used, with its name; `changes` then compare with nothing. */
  readonly damage?: string
  /** What it should hold. */
  readonly text: string
  readonly entries: number
  readonly changes: readonly LockChange[]
}

/**
 * Asks where everything leads that the Dockerfile names, in all its stages, and compares it with the lock file.
 * Errors: those of planning and of the sources; INVALID_ARGUMENT when the Dockerfile is no file.
 */
export async function makeLock(
  parts: BuilderParts,
  request: BuildRequest,
  options: OpOptions,
): Promise<LockReport> {
  const access = { store: parts.store, signal: options.signal, ...credentialsOf(request) }
  await using context = await openContext(request, access)
  const { lockFile } = context
  if (lockFile === undefined)
    throw failure('INVALID_ARGUMENT', { reason: 'a lock file lies beside a Dockerfile: this one is no file' })
  const { images, steps } = await explore(parts, request, context, options)
  const adds = steps.flatMap(({ op }) => (op.kind === 'add' ? [op] : []))
  const lock = { images, ...(await lockSources(adds, access)) }
  const kept = lockFile.read()
  const { before, damage } = kept === undefined ? { before: emptyLock } : readKept(kept, lockFile.path)
  const entries = Object.values(lock).reduce((sum, one) => sum + Object.keys(one).length, 0)
  return {
    path: lockFile.path,
    isNew: kept === undefined,
    ...(damage !== undefined && { damage }),
    text: formatLock(lock),
    entries,
    changes: compareLocks(before, lock),
  }
}

/** One that cannot be used must not stand in the way of a better one. */
function readKept(kept: Buffer, path: string): { readonly before: LockFile; readonly damage?: string } {
  try {
    return { before: parseLock(kept, path) }
  } catch (error) {
    if (!isMilleError(error, 'LOCK_INVALID')) throw error
    return { before: emptyLock, damage: error.message }
  }
}

/** The pins of a build that is locked. Errors: LOCK_NOT_FOUND, LOCK_INVALID. */
export function readPins({ lockFile }: Pick<OpenedContext, 'lockFile'>): Pins {
  const bytes = lockFile?.read()
  if (lockFile === undefined || bytes === undefined)
    throw failure('LOCK_NOT_FOUND', { file: lockFile?.path ?? 'Dockerfile.lock' })
  return new Pins(parseLock(bytes, lockFile.path), lockFile.path)
}

interface Explored {
  readonly images: LockFile['images']
  readonly steps: readonly BuildStep[]
}

async function explore(
  { store, baseImages }: BuilderParts,
  request: BuildRequest,
  context: OpenedContext,
  { signal }: OpOptions,
): Promise<Explored> {
  await using lease = await store.lease('lock')
  const { pull, offline = false } = request
  const images = new Map<string, ReturnType<BaseImages['digest']>>()
  const plan = planOptions(request, async (name, platform) => {
    const key = imageKey(name)
    if (key !== undefined) images.set(key, images.get(key) ?? baseImages.digest(name, { offline, signal }))
    return await baseImages.describe(name, platform, { pull, offline, lease, signal })
  })
  try {
    const { steps, failure } = await explorePlan(readDockerfile(context, request), 'all', plan)
    if (failure !== undefined) throw failure
    const pairs = [...images].map(async ([key, digest]) => [key, await digest] as const)
    return { images: Object.fromEntries(await Promise.all(pairs)), steps }
  } finally {
    await Promise.allSettled(images.values())
  }
}

type Access = Parameters<typeof resolveGit>[1]

async function lockSources(adds: readonly AddOp[], access: Access): Promise<Pick<LockFile, 'git' | 'urls'>> {
  const git = new Map<string, string>()
  const urls = new Map<string, string>()
  for (const { repositories, urls: wanted, checksum } of adds) {
    for (const reference of repositories) {
      const key = gitKey(reference)
      if (key !== undefined && !git.has(key)) git.set(key, (await resolveGit(reference, access)).commit)
    }
    for (const url of checksum === undefined ? wanted : []) {
      const key = urlKey(url)
      if (!urls.has(key)) urls.set(key, await digestOf(url, access))
    }
  }
  return { git: Object.fromEntries(git), urls: Object.fromEntries(urls) }
}

async function digestOf(url: string, access: Access): Promise<string> {
  const authorization = await httpAuthorization(url, access)
  using file = await fetchUrl(url, { ...access, authorization })
  return file.digest
}
