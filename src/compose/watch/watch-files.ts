import { watch } from 'node:fs/promises'
import { stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Milliseconds without a change after which those so far are told. */
const quiet = 300

/**
 * Paths below `root` (or `root` itself, when it is a file) that were made, changed or removed, in batches, until the signal. Ends
 * when the root is gone.
 */
export async function* watchFiles(root: string, signal: AbortSignal): AsyncGenerator<readonly string[]> {
  const isFolder = (await stat(root)).isDirectory()
  const folder = isFolder ? root : dirname(root)
  const changed = new Set<string>()
  let wake = Promise.withResolvers<void>()
  let timer: NodeJS.Timeout | undefined
  let failed: unknown
  let isOver = false
  const reading = (async () => {
    try {
      // an editor puts another file in the place of one: its folder tells
      for await (const { filename } of watch(folder, { recursive: isFolder, signal })) {
        if (filename === null || (!isFolder && filename !== basename(root))) continue
        changed.add(join(folder, filename))
        clearTimeout(timer)
        timer = setTimeout(() => wake.resolve(), quiet)
      }
    } catch (error) {
      if (!signal.aborted) failed = error
    }
    isOver = true
    wake.resolve()
  })()
  try {
    for (;;) {
      await wake.promise
      wake = Promise.withResolvers()
      if (failed !== undefined) throw failed
      const batch = [...changed].sort()
      changed.clear()
      if (batch.length > 0) yield batch
      if (isOver) return
    }
  } finally {
    clearTimeout(timer)
    await reading
  }
}
