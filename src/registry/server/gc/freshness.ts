/** A push that takes longer than this loses its first blobs, when nothing names them meanwhile. */
const longestPush = 24 * 60 * 60 * 1000

/**
 * What pushes under way may still need: a blob for some time after it was pushed, mounted or
 * asked for, and everything in a repository for as long after something was pushed to it. So the first blob of a slow push
 * waits for the last one.
 */
export class Freshness {
  readonly #blobs = new Map<string, number>()
  readonly #repositories = new Map<string, number>()
  readonly #clock: () => number

  /** `clock` in ms, by default one that nobody sets. */
  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock
  }

  touchBlob(repository: string, digest: string): void {
    this.#blobs.set(`${repository}\0${digest}`, this.#clock())
  }

  /** A blob or an upload of it came. */
  touchRepository(repository: string): void {
    this.#repositories.set(repository, this.#clock())
  }

  /** `pushedAt` by the wall clock, for blobs of an earlier process. */
  isFresh(repository: string, digest: string, pushedAt: number, grace: number): boolean {
    const now = this.#clock()
    const touched = this.#blobs.get(`${repository}\0${digest}`)
    // a clock that was set back makes blobs of the future
    const age = touched === undefined ? Math.abs(Date.now() - pushedAt) : now - touched
    if (age < grace) return true
    const busy = this.#repositories.get(repository)
    return busy !== undefined && now - busy < grace && age < longestPush
  }

  /** Forgets what no longer makes a difference. */
  prune(grace: number): void {
    const now = this.#clock()
    for (const [key, at] of this.#blobs) if (now - at > Math.max(grace, longestPush)) this.#blobs.delete(key)
    for (const [name, at] of this.#repositories) if (now - at > grace) this.#repositories.delete(name)
  }
}
