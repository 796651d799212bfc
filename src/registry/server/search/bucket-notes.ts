import { eachLimited } from '../../../util/each-limited.ts'
import type { Bucket } from '../s3/bucket.ts'
import { noNote, type RepositoryNote, type RepositoryNotes } from './repository-notes.ts'

const folder = 'notes/'
/** How long what was read counts, ms: searches are many, changes few. */
const fresh = 10_000

/** One object a repository. Of two changes of one repository in the same moment, at two replicas, one may be lost. */
export class BucketNotes implements RepositoryNotes {
  readonly #bucket: Bucket
  #known: { readonly notes: Promise<ReadonlyMap<string, RepositoryNote>>; readonly at: number } | undefined

  constructor(bucket: Bucket) {
    this.#bucket = bucket
  }

  async all(): Promise<ReadonlyMap<string, RepositoryNote>> {
    if (this.#known === undefined || performance.now() - this.#known.at > fresh) {
      this.#known = { notes: this.#readAll(), at: performance.now() }
    }
    return this.#known.notes
  }

  async change(repository: string, change: (note: RepositoryNote) => RepositoryNote): Promise<void> {
    const note = change((await this.#read(folder + repository)) ?? noNote)
    await this.#bucket.put(folder + repository, JSON.stringify(note), 'application/json')
    this.#known = undefined
  }

  async #readAll(): Promise<ReadonlyMap<string, RepositoryNote>> {
    const found = await this.#bucket.list(folder, { limit: Infinity })
    const notes = await eachLimited(found, 8, async ({ key }) => {
      return [key.slice(folder.length), (await this.#read(key)) ?? noNote] as const
    })
    return new Map(notes)
  }

  async #read(key: string): Promise<RepositoryNote | undefined> {
    const found = await this.#bucket.get(key)
    return found && (JSON.parse(found.bytes.toString()) as RepositoryNote)
  }
}
