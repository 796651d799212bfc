import { watch } from 'node:fs'
import type { FSWatcher } from 'node:fs'
import { failure } from '../util/errors.ts'
import type { OpOptions } from '../util/progress.ts'

/** Resolves once `test` holds; asks it when `folder` changes and every half second. Errors: CANCELED. */
export async function waitFor(folder: string, test: () => boolean, options: OpOptions = {}): Promise<void> {
  if (test()) return
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
