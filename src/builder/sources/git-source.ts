import { mkdirSync, rmSync } from 'node:fs'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import { isCommit } from '../../dockerfile/git-reference.ts'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { TarTree } from '../context/tar-tree.ts'
import { CheckedRemote } from './git-remote.ts'
import type { ResolvedCommit } from './git-repository.ts'
import { resolveCommit } from './git-repository.ts'
import { KnownRefs } from './known-refs.ts'
import { readGitTree } from './git-tree.ts'
import { gitAuthorization } from './source-access.ts'
import type { Credentials } from './source-access.ts'

export interface GitSourceOptions extends Credentials {
  readonly store: Store
  readonly signal: AbortSignal | undefined
}

/** A git reference with the commit it led to. */
export interface ResolvedGit extends ResolvedCommit {
  readonly reference: GitReference
}

/**
 * Asks the server where a reference leads. One that is locked must still lead there; where the server cannot be asked, the
 * locked commit is taken. Errors: GIT_FAILED, GIT_REF_NOT_FOUND, GIT_COMMIT_MISMATCH, PROGRAM_MISSING, OFFLINE,
 * LOCK_INCOMPLETE, LOCK_DRIFT.
 */
export async function resolveGit(reference: GitReference, options: GitSourceOptions): Promise<ResolvedGit> {
  const pinned = options.pins?.commit(reference)
  if (pinned === undefined) return await askForCommit(reference, options)
  const locked = { reference, ...pinnedCommit(reference, pinned) }
  if (options.offline) return locked
  const drift = (found: string, cause?: unknown): Error =>
    failure('LOCK_DRIFT', { what: shownReference(reference), locked: pinned, found }, { cause })
  try {
    const { commit } = await askForCommit(reference, options)
    if (!pinned.startsWith(commit)) throw drift(`leads to ${commit} now`)
  } catch (error) {
    if (isMilleError(error, 'GIT_REF_NOT_FOUND')) throw drift('is no longer there', error)
    if (!isMilleError(error, 'GIT_FAILED')) throw error
  }
  return locked
}

async function askForCommit(reference: GitReference, options: GitSourceOptions): Promise<ResolvedGit> {
  return await withAgent(options, async (sshAgent) => {
    const authorization = await gitAuthorization({ host: reference.host, isMain: true }, options)
    const { store, signal, offline } = options
    const remote = await CheckedRemote.open(reference, { authorization, sshAgent, offline })
    const refs = new KnownRefs(store, remote, signal)
    if (offline) return { reference, ...(await resolveHere(refs, reference)) }
    const found = await resolveCommit(remote, reference, signal)
    await refs.note(reference, found)
    return { reference, ...found }
  })
}

function pinnedCommit(reference: GitReference, pinned: string): ResolvedCommit {
  const { ref, commit } = reference
  if (commit !== undefined && !pinned.startsWith(commit)) {
    const what = shownReference(reference)
    throw failure('LOCK_DRIFT', { what, locked: pinned, found: `the Dockerfile asks for commit ${commit}` })
  }
  if (ref === undefined) return { commit: pinned }
  return { commit: pinned, ref: ref.startsWith('refs/') ? ref : `refs/heads/${ref}` }
}

function shownReference({ remote, ref }: GitReference): string {
  return `${ref ?? 'the default branch'} of ${hidePasswords(remote)}`
}

/** Where a reference led when its server was asked last. OFFLINE when it never was. */
async function resolveHere(refs: KnownRefs, reference: GitReference): Promise<ResolvedCommit> {
  const { ref = 'HEAD', commit, byCommit } = reference
  if (isCommit(ref)) return { commit: ref }
  const known = await refs.find(reference)
  if (known !== undefined && (commit === undefined || known.commit.startsWith(commit))) return known
  if (byCommit === true && commit !== undefined) return { commit }
  throw failure('OFFLINE', { what: shownReference(reference), hint: 'its server was never asked for it' })
}

/** The files of the commit as sources of COPY or ADD. Errors: GIT_FAILED, PROGRAM_MISSING. */
export async function openGitTree(
  { reference, ...resolved }: ResolvedGit,
  options: GitSourceOptions,
): Promise<TarTree> {
  const tar = await withAgent(options, (sshAgent) =>
    readGitTree(resolved, reference, {
      ...options,
      access: async (place) => ({
        authorization: await gitAuthorization(place, options),
        sshAgent,
        offline: options.offline,
      }),
    }),
  )
  try {
    return new TarTree(tar)
  } catch (error) {
    tar[Symbol.dispose]()
    throw error
  }
}

/** The agent of `--ssh default` while `use` runs; keys that were given as files get one made for them. */
async function withAgent<Result>(
  { ssh, store }: GitSourceOptions,
  use: (socket: string | undefined) => Promise<Result>,
): Promise<Result> {
  const source = ssh.get('default')
  if (source === undefined) return await use(undefined)
  if (source.agent.kind === 'socket') return await use(source.agent.path)
  const { serveAgent } = await import('../ssh/serve-agent.ts')
  const folder = store.content.temporaryPath()
  mkdirSync(folder, { mode: 0o700 })
  try {
    const owner = { mode: 0o600, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 }
    await using agent = await serveAgent(source, folder, 'agent', owner)
    return await use(agent.path)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
