/** Bytes that make a try worth its while: all before it are forgiven. */
const worthwhile = 1024 * 1024
/** Tries that brought something, but less than that: a server that hands out crumbs ends too. */
const mostCrumbs = 50

/**
 * Counts the tries of one transfer whose connections break. Only those without progress count: `limit` in a row are the
 * end, and so are 50 that brought less than 1 MiB each (B-PL-1, B-PL-8).
 */
export class BrokenTries {
  readonly #limit: number
  #furthest: number
  #empty = 0
  #crumbs = 0

  /** `at`: bytes that were there before the first try. */
  constructor(limit: number, at: number = 0) {
    this.#limit = limit
    this.#furthest = at
  }

  /**
   * A try broke when `at` bytes were there. Returns the number of the pause to make, from 1 on in each row of tries without
   * progress, or undefined when there is to be no further try. Bytes that had been there before are no progress.
   */
  next(at: number): number | undefined {
    const brought = at - this.#furthest
    this.#furthest = Math.max(at, this.#furthest)
    this.#empty = brought > 0 ? 0 : this.#empty + 1
    if (brought >= worthwhile) this.#crumbs = 0
    else if (brought > 0) this.#crumbs++
    if (this.#empty >= this.#limit || this.#crumbs >= mostCrumbs) return undefined
    return Math.max(1, this.#empty)
  }
}
