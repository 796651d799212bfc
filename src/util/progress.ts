/** One step of long work on one object (a layer, a blob, a build step). Sizes are bytes. */
export interface ProgressEvent {
  /** What it is about: a short digest (12 hex), a step id; absent for the operation as a whole. */
  readonly id?: string
  /** Docker's wording where there is one: `Pulling fs layer`, `Downloading`, `Pull complete`, `Pushed`, … */
  readonly status: string
  readonly current?: number
  readonly total?: number
}

/** The last argument of every long call. */
export interface OpOptions {
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined
}
