import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import { isCommit } from '../../dockerfile/git-reference.ts'
import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import type { CheckedRemote } from './git-remote.ts'
import { runGit, shownUrl, tryGit } from './run-git.ts'
import { openSource, pruneSources } from './source-cache.ts'
import type { SourceFolder } from './source-cache.ts'

/** What a reference leads to. */
export interface ResolvedCommit {
  readonly commit: string
  /** Whole name, when it was a branch or tag. */
  readonly ref?: string
}

/**
 * Asks the server where a reference leads; a whole commit needs no server. Branches come before tags, as in git.
 * Errors: GIT_FAILED, GIT_REF_NOT_FOUND with the likely name, GIT_COMMIT_MISMATCH.
 */
export async function resolveCommit(
  remote: CheckedRemote,
  reference: GitReference,
  signal: AbortSignal | undefined,
): Promise<ResolvedCommit> {
  const { ref = 'HEAD', commit: wanted } = reference
  if (isCommit(ref)) return check(remote, wanted, { commit: ref })
  if (reference.byCommit === true && wanted !== undefined) return { commit: wanted, ref: fullName(ref) }
  const list = async (names: readonly string[]): Promise<Map<string, string>> =>
    parseRefs(await askServer(remote, signal, ['ls-remote', '--quiet', '--', remote.url, ...names]))
  const refs = await list([ref, `${ref}^{}`])
  const name = candidates(ref).find((candidate) => refs.has(candidate))
  if (name === undefined) {
    const known = [...(await list([])).keys()].map((one) => one.replace(/^refs\/(heads|tags)\//, ''))
    const near = suggest(ref, known)
    const hint = near === undefined ? '' : ` (did you mean ${near}?)`
    throw failure('GIT_REF_NOT_FOUND', { url: shownUrl(remote), ref, hint })
  }
  const tagged = refs.get(`${name}^{}`)
  const commit = tagged ?? refs.get(name) ?? ''
  const found = name === 'HEAD' ? { commit } : { commit, ref: name }
  // an annotated tag may be named by its own object
  const isTag = tagged !== undefined && wanted !== undefined && refs.get(name)?.startsWith(wanted) === true
  return isTag ? found : check(remote, wanted, found)
}

/** git runs with what an earlier redirect led to. */
async function askServer(
  remote: CheckedRemote,
  signal: AbortSignal | undefined,
  args: readonly string[],
): Promise<string> {
  const url = remote.url
  try {
    return await runGit(args, { remote, signal })
  } catch (error) {
    if (!isMilleError(error, 'GIT_FAILED') || !(await remote.follow(signal))) throw error
    return await runGit(
      args.map((arg) => (arg === url ? remote.url : arg)),
      { remote, signal },
    )
  }
}

function check(remote: CheckedRemote, wanted: string | undefined, found: ResolvedCommit): ResolvedCommit {
  if (wanted === undefined || found.commit.startsWith(wanted)) return found
  throw failure('GIT_COMMIT_MISMATCH', { url: shownUrl(remote), wanted, found: found.commit })
}

function fullName(ref: string): string {
  return ref.startsWith('refs/') ? ref : `refs/heads/${ref}`
}

function candidates(ref: string): string[] {
  if (ref === 'HEAD') return ['HEAD']
  const name = ref.replace(/^refs\//, '')
  return [`refs/${name}`, `refs/heads/${ref}`, `refs/tags/${ref}`]
}

function parseRefs(text: string): Map<string, string> {
  return new Map(
    text.split('\n').flatMap((line) => {
      const [commit = '', name] = line.split('\t')
      return name === undefined || !isCommit(commit) ? [] : [[name, commit] as const]
    }),
  )
}

/** A copy of a remote in the store; it gets what it lacks and keeps it for the next build. */
export class GitRepository implements AsyncDisposable {
  readonly #store: Store
  readonly #source: SourceFolder
  readonly #remote: CheckedRemote
  readonly #signal: AbortSignal | undefined
  #hasGrown = false

  private constructor(
    store: Store,
    source: SourceFolder,
    remote: CheckedRemote,
    signal: AbortSignal | undefined,
  ) {
    this.#store = store
    this.#source = source
    this.#remote = remote
    this.#signal = signal
  }

  static async open(
    store: Store,
    remote: CheckedRemote,
    commit: string,
    signal: AbortSignal | undefined,
  ): Promise<GitRepository> {
    const format = commit.length === 64 ? 'sha256' : 'sha1'
    const description = shownUrl(remote)
    const source = await openSource(store, 'git', `${format} ${remote.shown}`, { description, signal })
    const repository = new GitRepository(store, source, remote, signal)
    try {
      await repository.#init(format)
      return repository
    } catch (error) {
      await source[Symbol.asyncDispose]()
      throw error
    }
  }

  get path(): string {
    return join(this.#source.path, 'repository')
  }

  get remote(): CheckedRemote {
    return this.#remote
  }

  async run(args: readonly string[]): Promise<string> {
    return await runGit([`--git-dir=${this.path}`, ...args], { signal: this.#signal, remote: this.#remote })
  }

  async try(args: readonly string[]): Promise<string | undefined> {
    return await tryGit([`--git-dir=${this.path}`, ...args], { signal: this.#signal, remote: this.#remote })
  }

  /**
   * Makes sure that `commit` is here: it alone when the server gives single commits, else with all branches and tags.
   * Resolves with the commit it is or, being a tag, names.
   */
  async fetch({ commit, ref }: ResolvedCommit): Promise<string> {
    const known = await this.#find(commit)
    if (known !== undefined) return known
    if (this.#remote.offline) {
      const what = `commit ${commit.slice(0, 12)} of ${shownUrl(this.#remote)}`
      throw failure('OFFLINE', { what, hint: 'it was never fetched' })
    }
    this.#hasGrown = true
    await this.#fetchOne(commit, ref)
    if ((await this.#find(commit)) === undefined && (await this.#remote.follow(this.#signal))) {
      await this.#fetchOne(commit, ref)
    }
    if ((await this.#find(commit)) === undefined) await this.#fetchAll()
    const found = await this.#find(commit)
    if (found !== undefined) return found
    throw failure('GIT_FAILED', {
      url: shownUrl(this.#remote),
      reason: `the server does not give commit ${commit}`,
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#source[Symbol.asyncDispose]()
    if (this.#hasGrown) await pruneSources(this.#store, { all: false })
  }

  async #init(format: string): Promise<void> {
    if (existsSync(join(this.path, 'info/attributes'))) return
    mkdirSync(this.path, { recursive: true, mode: 0o700 })
    await this.run(['init', '--quiet', '--bare', '--template=', `--object-format=${format}`])
    mkdirSync(join(this.path, 'info'), { recursive: true })
    // archives hold what a checkout would: no file left out, none changed by a program
    writeFileSync(join(this.path, 'info/attributes'), '* !export-ignore !export-subst !filter\n')
  }

  async #find(name: string): Promise<string | undefined> {
    const text = await this.try(['rev-parse', '--quiet', '--verify', '--end-of-options', `${name}^{commit}`])
    return text?.trim()
  }

  async #fetchOne(commit: string, ref: string | undefined): Promise<void> {
    if (await this.#fetch(['--depth=1'], `${commit}:refs/mille/${commit}`)) return
    if (ref !== undefined) await this.#fetch(['--depth=1'], `+${ref}:refs/mille/${commit}`)
  }

  async #fetch(options: readonly string[], ...refs: readonly string[]): Promise<boolean> {
    const fixed = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
    return (await this.try(['fetch', ...fixed, ...options, '--', this.#remote.url, ...refs])) !== undefined
  }

  async #fetchAll(): Promise<void> {
    const refs = ['+refs/heads/*:refs/mille/heads/*', '+refs/tags/*:refs/mille/tags/*']
    const isShallow = existsSync(join(this.path, 'shallow'))
    const fixed = ['--quiet', '--no-tags', '--no-write-fetch-head', '--no-auto-maintenance']
    await this.run([
      'fetch',
      ...fixed,
      ...(isShallow ? ['--unshallow'] : []),
      '--',
      this.#remote.url,
      ...refs,
    ])
  }
}
