const flushEvery = 60_000

/** When a tag or manifest was last pulled. */
export interface Pull {
  readonly repository: string
  readonly reference: string
  /** ms since 1970. */
  readonly at: number
}

/** Notes pulls in memory and hands them on once a minute: a write for each would cost more than the pull. */
export class PullTimes {
  readonly #write: (pulls: readonly Pull[]) => void
  readonly #pulls = new Map<string, Pull>()
  #timer: NodeJS.Timeout | undefined

  constructor(write: (pulls: readonly Pull[]) => void) {
    this.#write = write
  }

  note(repository: string, reference: string): void {
    this.#pulls.set(`${repository} ${reference}`, { repository, reference, at: Date.now() })
    this.#timer ??= setTimeout(() => {
      try {
        this.flush()
      } catch {
        // a full disk: pulls go on, and the next minute tries again
        this.#timer = undefined
      }
    }, flushEvery).unref()
  }

  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#pulls.size === 0) return
    this.#write([...this.#pulls.values()])
    this.#pulls.clear()
  }
}
