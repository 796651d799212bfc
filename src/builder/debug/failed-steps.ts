import type { RecordRow, RecordStore } from '../../store/record-store.ts'
import type { Resource, Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { RunOptions } from '../build.ts'
import type { BuildStep, StepId } from '../plan/step.ts'
import type { StepResult } from '../session.ts'

/** What is kept of a RUN that failed, besides its files: all that its process was made of, but for secrets. */
export interface FailedStep {
  /** Names context and Dockerfile over builds. */
  readonly scope: string
  readonly dockerfile: { readonly fileName: string; readonly source: string }
  readonly step: Omit<BuildStep, 'places'>
  /** Where the files of its mounts are, by the origins in its operation. */
  readonly results: Readonly<Record<StepId, StepResult>>
  readonly run: RunOptions & { readonly hostname: string }
  readonly timestamps: 'constant' | 'preserve'
  readonly epoch: number
  readonly hasEpoch: boolean
  readonly offline: boolean
  readonly exitCode: number
  /** The snapshot with its files. */
  readonly key: string
  /** Milliseconds since the epoch. */
  readonly createdAt: number
  readonly lastUsedAt: number
  readonly uses: number
}

/** Milliseconds without use after which a failed step goes. */
export const failureLifetime: number = 24 * 3600 * 1000

/** Files of RUN steps that failed, each a snapshot and a record, until the next build of their Dockerfile. */
export class FailedSteps {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  keep(id: string, data: FailedStep, holds: readonly Resource[]): void {
    this.#records().insert({ id, name: id, data, holds }, { durable: false })
  }

  /** Oldest first. */
  list(): RecordRow<FailedStep>[] {
    return this.#records().list()
  }

  /** By the beginning of its ID, else the newest. NO_FAILED_STEP, AMBIGUOUS_ID. */
  get(id: string | undefined): RecordRow<FailedStep> {
    const found = id === undefined ? this.list().at(-1) : this.#records().find(id)
    if (found !== undefined) return found
    const what = id === undefined ? 'no failed step is kept' : `no failed step ${id} is kept`
    throw failure('NO_FAILED_STEP', { what })
  }

  /** While it is held nobody removes the step, and nobody else works on its files. STORE_LOCK_TIMEOUT. */
  async hold(id: string): Promise<AsyncDisposable> {
    return await this.#store.lock(lockName(id), { timeout: 0 })
  }

  noteUse(id: string): void {
    this.#records().update(id, (data) => ({ ...data, lastUsedAt: Date.now(), uses: data.uses + 1 }))
  }

  async isInUse(id: string): Promise<boolean> {
    return (await this.#alone(id, () => Promise.resolve())) === false
  }

  /** Bytes of what it changed. */
  async size({ data }: RecordRow<FailedStep>): Promise<number> {
    try {
      return (await this.#store.snapshots.usage(data.key)).bytes
    } catch (error) {
      if (isMilleError(error, 'SNAPSHOT_NOT_FOUND')) return 0
      throw error
    }
  }

  /** False when somebody looks at it now. */
  async remove({ id, data }: RecordRow<FailedStep>): Promise<boolean> {
    return await this.#alone(id, async () => {
      // the record first: a kill in between leaves a snapshot that nobody owns, which the collector takes
      this.#records().remove(id, { durable: false })
      await this.#store.snapshots.remove(data.key).catch((error: unknown) => {
        if (!isMilleError(error, 'SNAPSHOT_NOT_FOUND')) throw error
      })
    })
  }

  /** Removes those of the scope, whose Dockerfile is built again, and those that were not used for too long. */
  async removeOld(scope: string, now: number): Promise<void> {
    for (const row of this.list()) {
      const { data } = row
      if (data.scope === scope || data.lastUsedAt < now - failureLifetime) await this.remove(row)
    }
  }

  async #alone(id: string, work: () => Promise<void>): Promise<boolean> {
    try {
      await using _lock = await this.hold(id)
      await work()
      return true
    } catch (error) {
      if (isMilleError(error, 'STORE_LOCK_TIMEOUT')) return false
      throw error
    }
  }

  #records(): RecordStore<FailedStep> {
    return this.#store.records<FailedStep>('failed-step')
  }
}

function lockName(id: string): string {
  return `failed-step-${id}`
}
