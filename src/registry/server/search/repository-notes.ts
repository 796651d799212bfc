import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { replaceFile } from '../../../util/replace-file.ts'
import { Turns } from '../turns.ts'

/** What people say of a repository. */
export interface RepositoryNote {
  readonly description: string
  /** Who gave it a star, each once. */
  readonly stars: readonly string[]
}

/** Notes of repositories, whether or not there is such a repository. A change is durable when its call returns. */
export interface RepositoryNotes {
  all(): Promise<ReadonlyMap<string, RepositoryNote>>
  change(repository: string, change: (note: RepositoryNote) => RepositoryNote): Promise<void>
}

export const noNote: RepositoryNote = { description: '', stars: [] }

/** As a file of JSON; without a path, in memory alone. One process at a time. */
export class NotesFile implements RepositoryNotes {
  readonly #path: string | undefined
  readonly #turns = new Turns()
  #known: Map<string, RepositoryNote> | undefined

  constructor(path?: string) {
    this.#path = path
  }

  async all(): Promise<ReadonlyMap<string, RepositoryNote>> {
    return this.#turns.take('', () => this.#load())
  }

  async change(repository: string, change: (note: RepositoryNote) => RepositoryNote): Promise<void> {
    await this.#turns.take('', async () => {
      const notes = new Map(await this.#load())
      notes.set(repository, change(notes.get(repository) ?? noNote))
      await this.#save(notes)
      this.#known = notes
    })
  }

  async #load(): Promise<Map<string, RepositoryNote>> {
    this.#known ??= new Map(this.#path === undefined ? [] : await readNotes(this.#path))
    return this.#known
  }

  async #save(notes: ReadonlyMap<string, RepositoryNote>): Promise<void> {
    const path = this.#path
    if (path === undefined) return
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const text = JSON.stringify(Object.fromEntries(notes))
    await replaceFile(path, (temporary) => writeFile(temporary, text, { mode: 0o600, flush: true }))
  }
}

async function readNotes(path: string): Promise<readonly (readonly [string, RepositoryNote])[]> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
  return Object.entries(JSON.parse(text) as Readonly<Record<string, RepositoryNote>>)
}
