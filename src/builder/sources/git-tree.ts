import type { GitReference } from '../../dockerfile/git-reference.ts'
import { parseGitReference } from '../../dockerfile/git-reference.ts'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import { spoolTar } from '../context/spooled-tar.ts'
import type { SpooledTar } from '../context/spooled-tar.ts'
import { keptGitFolder } from './git-folder.ts'
import { CheckedRemote } from './git-remote.ts'
import type { RemoteOptions } from './git-remote.ts'
import type { ResolvedCommit } from './git-repository.ts'
import { GitRepository } from './git-repository.ts'
import { PickedTar } from './picked-tar.ts'
import type { TarPart } from './picked-tar.ts'
import { shownUrl, startGit } from './run-git.ts'
import { findSubmodules } from './submodules.ts'

export interface GitTreeOptions {
  readonly store: Store
  readonly signal: AbortSignal | undefined
  /** How to get at a server: asked for each repository, the one that was asked for being the main one. */
  readonly access: (place: { readonly host: string; readonly isMain: boolean }) => Promise<RemoteOptions>
}

/** Submodules of submodules: a repository can hold itself. */
const maxDepth = 10
const maxSubmodules = 1000

/**
 * The files of a commit as a tar, with those of its submodules (B12, B47): read from git's objects, never checked out,
 * so that nothing in the repository can act on this machine. Files are 0644 or 0755, times the commit's.
 * Errors: GIT_FAILED, PROGRAM_MISSING, and those of a bad tar.
 */
export async function readGitTree(
  resolved: ResolvedCommit,
  reference: GitReference,
  options: GitTreeOptions,
): Promise<SpooledTar> {
  const { subdir = '', keepGitDir = false, submodules = true } = reference
  const parts: TarPart[] = []
  const remote = await CheckedRemote.open(
    reference,
    await options.access({ host: reference.host, isMain: true }),
  )
  const seen = { count: 0 }
  try {
    const keep = keepGitDir && subdir === '' ? resolved : undefined
    await addRepository(
      parts,
      remote,
      resolved,
      { at: '', depth: 0, keep, submodules, subdir, seen },
      options,
    )
    const picked = new PickedTar(parts, subdir)
    const isFolder = subdir === '' || parts.some(({ tar, at }) => hasFolder(tar, at, subdir))
    if (isFolder) return picked
    const reason = `commit ${resolved.commit.slice(0, 12)} has no folder "${subdir}"`
    throw failure('GIT_FAILED', { url: shownUrl(remote), reason })
  } catch (error) {
    for (const { tar } of parts) tar[Symbol.dispose]()
    throw error
  }
}

/** Links are none: what lies behind one is not taken (C-B7). */
function hasFolder(tar: SpooledTar, at: string, folder: string): boolean {
  const prefix = at === '' ? '' : `${at}/`
  return tar.entries.some(
    ({ path, entry }) =>
      (prefix + path === folder && entry.type === 'directory') || (prefix + path).startsWith(`${folder}/`),
  )
}

interface Place {
  /** Where in the whole the repository goes. */
  readonly at: string
  readonly depth: number
  readonly keep: ResolvedCommit | undefined
  readonly submodules: boolean
  readonly subdir: string
  readonly seen: { count: number }
}

async function addRepository(
  parts: TarPart[],
  remote: CheckedRemote,
  resolved: ResolvedCommit,
  place: Place,
  options: GitTreeOptions,
): Promise<void> {
  await using repository = await GitRepository.open(options.store, remote, resolved.commit, options.signal)
  const commit = await repository.fetch(resolved)
  parts.push({ tar: await archive(repository, commit, options), at: place.at })
  if (place.keep !== undefined) {
    const folder = await keptGitFolder(repository, { ...place.keep, commit }, options.store, options.signal)
    parts.push({ tar: folder, at: '.git' })
  }
  if (!place.submodules) return
  for (const submodule of await findSubmodules(repository, commit)) {
    const at = place.at === '' ? submodule.path : `${place.at}/${submodule.path}`
    if (!touches(at, place.subdir)) continue
    const fail = (reason: string): Error =>
      failure('GIT_FAILED', { url: shownUrl(remote), reason: `submodule ${at}: ${reason}` })
    const nested = parseSubmodule(submodule.url)
    if (nested === undefined) throw fail(`${hidePasswords(submodule.url)} is no http, https, ssh or git URL`)
    if (place.depth >= maxDepth) throw fail(`more than ${maxDepth} levels deep`)
    if (++place.seen.count > maxSubmodules) throw fail(`more than ${maxSubmodules} submodules`)
    const inner = await CheckedRemote.open(nested, await options.access({ host: nested.host, isMain: false }))
    const next = { ...place, at, depth: place.depth + 1, keep: undefined }
    await addRepository(parts, inner, { commit: submodule.commit }, next, options)
  }
}

/** Is one of the two in the other? */
function touches(path: string, subdir: string): boolean {
  return subdir === '' || `${path}/`.startsWith(`${subdir}/`) || `${subdir}/`.startsWith(`${path}/`)
}

/** The same rules as for the repository itself; http URLs of submodules need no `.git` at their end. */
function parseSubmodule(url: string): GitReference | undefined {
  const isHttp = /^https?:\/\//i.test(url)
  const given = isHttp && !url.endsWith('.git') ? `${url.replace(/\/+$/, '')}.git` : url
  const found = /[#?]/.test(url) ? undefined : parseGitReference(given)
  if (found === undefined || 'reason' in found) return undefined
  return { ...found, remote: url }
}

/** git refuses trees that no checkout would make (`.git`, `..`) here as it would there. */
async function archive(
  { path, remote }: GitRepository,
  commit: string,
  { store, signal }: GitTreeOptions,
): Promise<SpooledTar> {
  const args = [`--git-dir=${path}`, 'archive', '--format=tar', commit]
  const { output, ended } = startGit(args, { signal, remote })
  let tar: SpooledTar
  try {
    tar = await spoolTar(output as AsyncIterable<Buffer>, store.content.temporaryPath(), signal)
  } catch (error) {
    output.destroy()
    // what git says is the reason why its tar is cut
    if (isMilleError(error) && error.kind !== 'canceled') await ended
    throw error
  }
  try {
    await ended
    return tar
  } catch (error) {
    tar[Symbol.dispose]()
    throw error
  }
}
