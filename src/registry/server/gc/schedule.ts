import { messageOf } from '../../../util/errors.ts'
import type { Collectable, CollectOptions, CollectReport } from './collection.ts'
import type { CollectRequest } from './control.ts'

export interface ScheduleOptions extends Omit<CollectOptions, 'dryRun'> {
  /** Between two collections, ms; undefined: only when asked. */
  readonly interval: number | undefined
  /** One JSON object a line. */
  readonly onLog: ((line: string) => void) | undefined
}

/** Collects from time to time, and when asked; one collection after the other. */
export class CollectionSchedule implements AsyncDisposable {
  readonly #storage: Collectable
  readonly #options: ScheduleOptions
  #last: Promise<unknown> = Promise.resolve()
  #timer: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(storage: Collectable, options: ScheduleOptions) {
    this.#storage = storage
    this.#options = options
    const { interval, grace } = options
    // not before the grace time is over: what clients were told by the process before this one is not known here
    if (interval !== undefined) this.#plan(Math.max(Math.min(interval, grace), 1000))
  }

  async collect({ dryRun, grace = this.#options.grace }: CollectRequest): Promise<CollectReport> {
    const { retention, onLog } = this.#options
    const mine = this.#last.catch(() => {}).then(() => this.#storage.collect({ retention, grace, dryRun }))
    this.#last = mine
    const report = await mine
    const { tags, manifests, blobs, freed, kept } = report
    const counts = { tags: tags.length, manifests: manifests.length, blobs: blobs.length }
    onLog?.(JSON.stringify({ time: new Date(), event: 'collection', dryRun, ...counts, freed, kept }))
    return report
  }

  /** No collection begins any more, and none is under way. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isEnded = true
    clearTimeout(this.#timer)
    await this.#last.catch(() => {})
  }

  #plan(delay: number): void {
    // setTimeout takes no more than 24 days
    this.#timer = setTimeout(() => void this.#tick(), Math.min(delay, 2 ** 31 - 1)).unref()
  }

  async #tick(): Promise<void> {
    try {
      await this.collect({ dryRun: false })
    } catch (error) {
      const line = { time: new Date(), event: 'collection failed', error: messageOf(error) }
      this.#options.onLog?.(JSON.stringify(line))
    }
    if (this.#options.interval !== undefined && !this.#isEnded) this.#plan(this.#options.interval)
  }
}
