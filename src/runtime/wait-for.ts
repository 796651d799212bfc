import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** Milliseconds: what ends soon is waited for by looking, as taking a watch away again costs the kernel some. */
const soon = { total: 300, pause: 1 } as const

/** Resolves once `test` holds; asks it when `folder` changes and every half second. Errors: CANCELED. */
export async function waitFor(folder: string, test: () => boolean, options: OpOptions = {}): Promise<void> {
  const limit = performance.now() + soon.total
  while (!test()) {
    if (options.signal?.aborted === true) throw failure('CANCELED', {})
    if (performance.now() > limit) return await watchFor(folder, test, options)
    await sleep(soon.pause)
  }
}

async function watchFor(folder: string, test: () => boolean, options: OpOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const end = (error?: Error): void => {
      watcher?.close()
      clearInterval(timer)
      options.signal?.removeEventListener('abort', cancel)
      if (error === undefined) resolve()
      else reject(error)
    }
    const cancel = (): void => end(failure('CANCELED', {}))
    const look = (): void => {
      if (test()) end()
    }
    const watcher = watchFolder(folder, look)
    const timer = setInterval(look, 500)
    options.signal?.addEventListener('abort', cancel, { once: true })
    if (options.signal?.aborted === true) cancel()
    else look()
  })
}

/** The folder may be gone, or go away with its container: then the timer alone asks. */
function watchFolder(folder: string, onChange: () => void): FSWatcher | undefined {
  try {
    return watch(folder, onChange).on('error', () => {})
  } catch {
    return undefined
  }
}
