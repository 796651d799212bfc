import { renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { GitReference } from '../../dockerfile/git-reference.ts'
import type { Store } from '../../store/store.ts'
import { readText } from '../../util/read-text.ts'
import type { ResolvedCommit } from './git-repository.ts'
import { shownUrl } from './run-git.ts'
import { openSource } from './source-cache.ts'

/** Where branches and tags of a remote led when it was asked last: for builds that must not ask. */
export class KnownRefs {
  readonly #store: Store
  readonly #remote: { readonly shown: string }
  readonly #signal: AbortSignal | undefined

  constructor(store: Store, remote: { readonly shown: string }, signal: AbortSignal | undefined) {
    this.#store = store
    this.#remote = remote
    this.#signal = signal
  }

  async find({ ref = 'HEAD' }: GitReference): Promise<ResolvedCommit | undefined> {
    await using source = await this.#open()
    return read(source.path)[ref]
  }

  async note({ ref = 'HEAD' }: GitReference, { commit, ref: name }: ResolvedCommit): Promise<void> {
    await using source = await this.#open()
    const known = read(source.path)
    if (known[ref]?.commit === commit) return
    const all = { ...known, [ref]: { commit, ...(name !== undefined && { ref: name }) } }
    const temporary = join(source.path, `${fileName}.new`)
    writeFileSync(temporary, JSON.stringify(all), { mode: 0o600 })
    renameSync(temporary, join(source.path, fileName))
  }

  #open(): ReturnType<typeof openSource> {
    const description = `branches and tags of ${shownUrl(this.#remote)}`
    return openSource(this.#store, 'git', `refs ${this.#remote.shown}`, { description, signal: this.#signal })
  }
}

const fileName = 'refs'

/** Empty when nothing is known, or what is there cannot be read. */
function read(folder: string): Readonly<Record<string, ResolvedCommit>> {
  try {
    return JSON.parse(readText(join(folder, fileName))) as Record<string, ResolvedCommit>
  } catch {
    return {}
  }
}
