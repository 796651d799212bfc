import type { GitReference } from '../../dockerfile/git-reference.ts'
import type { Ingredient } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { hidePasswords } from '../../util/hide-passwords.ts'
import type { SourceTree } from '../context/source-tree.ts'
import { failAt } from '../plan/source-problem.ts'
import type { AddOp } from '../plan/step.ts'
import { placeOf } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { FetchedFile } from '../sources/fetch-url.ts'
import { fetchUrl } from '../sources/fetch-url.ts'
import type { ResolvedGit } from '../sources/git-source.ts'
import { httpAuthorization } from '../sources/source-access.ts'
import { openGitTree, resolveGit } from '../sources/git-source.ts'

/** What an ADD fetches, each once and not before it is needed; disposed with the step. */
export class AddRemotes implements AsyncDisposable {
  readonly #session: BuildSession
  readonly #inputs: StepInputs
  readonly #op: AddOp
  #files: Promise<readonly FetchedFile[]> | undefined
  #commits: Promise<readonly ResolvedGit[]> | undefined
  #trees: Promise<readonly SourceTree[]> | undefined

  constructor(session: BuildSession, inputs: StepInputs, op: AddOp) {
    this.#session = session
    this.#inputs = inputs
    this.#op = op
  }

  /** The URLs' files, in their order. */
  async files(): Promise<readonly FetchedFile[]> {
    this.#files ??= this.#each(this.#op.urls, (url) => this.#fetch(url))
    return await this.#files
  }

  /** Where the git sources lead, which says what their files are. */
  async commits(): Promise<Ingredient[]> {
    const resolved = await this.#resolve()
    return resolved.map(({ reference, commit }) => ({
      kind: 'file',
      name: hidePasswords(reference.remote),
      value: commit,
    }))
  }

  /** The repositories' files, in their order. */
  async trees(): Promise<readonly SourceTree[]> {
    this.#trees ??= this.#each(await this.#resolve(), (resolved) =>
      this.#atStep(resolved.reference.remote, () => openGitTree(resolved, this.#session)),
    )
    return await this.#trees
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const file of (await this.#files?.catch(() => [])) ?? []) file[Symbol.dispose]()
    for (const tree of (await this.#trees?.catch(() => [])) ?? []) await tree[Symbol.asyncDispose]()
  }

  async #resolve(): Promise<readonly ResolvedGit[]> {
    this.#commits ??= this.#each(this.#op.repositories, (reference: GitReference) =>
      this.#atStep(reference.remote, () => resolveGit(reference, this.#session)),
    )
    return await this.#commits
  }

  async #each<Item, Made>(items: readonly Item[], make: (item: Item) => Promise<Made>): Promise<Made[]> {
    const made: Made[] = []
    for (const item of items) made.push(await make(item))
    return made
  }

  async #fetch(url: string): Promise<FetchedFile> {
    const { store, signal, emit, offline, pins } = this.#session
    const { checksum: given } = this.#op
    const onProgress = (current: number, total: number | undefined): void =>
      emit({
        type: 'progress',
        step: this.#inputs.step.id,
        status: 'Downloading',
        current,
        ...(total === undefined ? {} : { total }),
      })
    return await this.#atStep(url, async () => {
      const authorization = await httpAuthorization(url, this.#session)
      const pinned = given === undefined ? pins?.checksum(url) : undefined
      const checksum = given ?? pinned
      const revalidate = pinned !== undefined
      const file = fetchUrl(url, { store, signal, offline, onProgress, checksum, authorization, revalidate })
      return pinned === undefined
        ? await file
        : await file.catch((error: unknown) => throwDrift(url, pinned, error))
    })
  }

  /** Errors of servers get their place in the Dockerfile: the source that `address` is, or begins. */
  async #atStep<Made>(address: string, make: () => Promise<Made>): Promise<Made> {
    try {
      return await make()
    } catch (error) {
      const codes = ['URL_FAILED', 'GIT_FAILED', 'GIT_REF_NOT_FOUND', 'GIT_COMMIT_MISMATCH'] as const
      if (!isMilleError(error, ...codes, 'OFFLINE', 'LOCK_INCOMPLETE', 'LOCK_DRIFT')) throw error
      const { step } = this.#inputs
      const word = [...(step.places?.keys() ?? [])].find((text) => text.startsWith(address))
      const place = { dockerfile: this.#session.dockerfile, instruction: step, ...placeOf(step, word) }
      throw failAt('ADD_FAILED', place, error.message, { cause: error })
    }
  }
}

/** A checksum that a lock file has is not one that the user wrote. */
function throwDrift(url: string, locked: string, error: unknown): never {
  if (!isMilleError(error, 'URL_FAILED') || error.details['found'] === undefined) throw error
  const found = `has ${String(error.details['found'])} now`
  throw failure('LOCK_DRIFT', { what: hidePasswords(url), locked, found }, { cause: error })
}
