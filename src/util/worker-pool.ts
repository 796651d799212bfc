import { Worker } from 'node:worker_threads'
import { fromWire, type WireError } from './wire-error.ts'

/** What a worker thread answers to one message; see `answerWork`. */
export type WorkAnswer =
  | { readonly result: unknown }
  | { readonly error: WireError }
  | { readonly progress: unknown }

export interface WorkOptions {
  /** Ends the work by ending its thread. */
  readonly signal?: AbortSignal | undefined
  readonly onProgress?: ((progress: unknown) => void) | undefined
}

/**
 * The address of a worker's entry file. `module` is `import.meta.url` of the file that asks, `file` the entry beside
 * it (`./x-worker.ts`). From TypeScript sources it is that file; in the bundle each entry lies at the top of `dist/`
 * under its own name (rolldown.config.ts), where the library, in `lib/` beside it, finds it too.
 */
export function workerEntry(module: string, file: string): URL {
  if (module.endsWith('.ts')) return new URL(file, module)
  const name = file.replace(/^.*\//, '').replace(/\.ts$/, '.cjs')
  const top = module.includes('/chunks/') ? '..' : '.'
  return new URL(module.endsWith('.cjs') ? `${top}/${name}` : `${top}/../dist/${name}`, module)
}

/** Megabytes for what V8 has just made: these threads work on buffers, which lie elsewhere, and there may be many of them. */
const resourceLimits = { maxYoungGenerationSizeMb: 3 } as const

export interface PoolOptions {
  /** A thread for which there is no work is ended, and its memory is free for others. Default: kept for the next work. */
  readonly endIdle?: boolean
}

/** Up to `size` threads that run one file; started when first needed, they do not keep the process alive when idle. */
export class WorkerPool implements AsyncDisposable {
  readonly #entry: URL
  readonly #size: number
  readonly #endIdle: boolean
  readonly #idle: Worker[] = []
  readonly #ending: Promise<number>[] = []
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(entry: URL, size: number, { endIdle = false }: PoolOptions = {}) {
    this.#entry = entry
    this.#size = size
    this.#endIdle = endIdle
  }

  /** Sends `message` to a free thread and waits for its result; more calls than threads wait in order. */
  async run(message: unknown, options: WorkOptions = {}): Promise<unknown> {
    const { signal } = options
    signal?.throwIfAborted()
    while (this.#running >= this.#size) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#running += 1
    try {
      signal?.throwIfAborted()
      const worker = this.#idle.pop() ?? new Worker(this.#entry, { resourceLimits })
      worker.ref()
      const result = await ask(worker, message, options)
      worker.unref()
      if (this.#endIdle && this.#waiting.length === 0) this.#ending.push(worker.terminate())
      else this.#idle.push(worker)
      return result
    } finally {
      this.#running -= 1
      this.#waiting.shift()?.()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#ending, ...this.#idle.splice(0).map((worker) => worker.terminate())])
  }
}

/** A thread whose work failed for any reason is ended: nothing of the failure can reach the next piece of work. */
async function ask(worker: Worker, message: unknown, { signal, onProgress }: WorkOptions): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  const answer = (value: WorkAnswer): void => {
    if ('progress' in value) onProgress?.(value.progress)
    else if ('error' in value) reject(fromWire(value.error))
    else resolve(value.result)
  }
  const ended = (code: number): void => reject(new Error(`worker thread ended with ${String(code)}`))
  const abort = (): void => reject(signal?.reason as Error)
  worker.on('message', answer)
  worker.on('error', reject)
  worker.on('exit', ended)
  signal?.addEventListener('abort', abort, { once: true })
  try {
    worker.postMessage(message, [])
    return await promise
  } catch (error) {
    worker.off('exit', ended)
    await worker.terminate()
    throw error
  } finally {
    worker.off('message', answer)
    worker.off('error', reject)
    worker.off('exit', ended)
    signal?.removeEventListener('abort', abort)
  }
}
