import type { GitReference } from '../../dockerfile/git-reference.ts'
import type { Store } from '../../store/store.ts'
import type { SourceTree } from '../context/source-tree.ts'
import { TarTree } from '../context/tar-tree.ts'
import { CheckedRemote } from './git-remote.ts'
import type { ResolvedCommit } from './git-repository.ts'
import { resolveCommit } from './git-repository.ts'
import { readGitTree } from './git-tree.ts'

export interface GitSourceOptions {
  readonly store: Store
  readonly signal: AbortSignal | undefined
}

/** A git reference with the commit it led to. */
export interface ResolvedGit extends ResolvedCommit {
  readonly reference: GitReference
  readonly remote: CheckedRemote
}

/** Errors: GIT_FAILED, GIT_REF_NOT_FOUND, GIT_COMMIT_MISMATCH, PROGRAM_MISSING. */
export async function resolveGit(
  reference: GitReference,
  { signal }: GitSourceOptions,
): Promise<ResolvedGit> {
  const remote = await CheckedRemote.open(reference, {})
  return { reference, remote, ...(await resolveCommit(remote, reference, signal)) }
}

/** The files of the commit as sources of COPY or ADD. Errors: GIT_FAILED, PROGRAM_MISSING. */
export async function openGitTree(
  { reference, remote, ...resolved }: ResolvedGit,
  { store, signal }: GitSourceOptions,
): Promise<SourceTree> {
  const access = (): Promise<Record<string, never>> => Promise.resolve({})
  const tar = await readGitTree(remote, resolved, reference, { store, signal, access })
  try {
    return new TarTree(tar)
  } catch (error) {
    tar[Symbol.dispose]()
    throw error
  }
}
