import { containerFiles, isSettled } from '../runtime/container-files.ts'
import { lostRecord } from '../runtime/log/log-record.ts'
import { failure } from '../util/errors.ts'
import type { LogLine, LogOptions } from './containers.ts'
import { handleOf, logPathOf } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer } from './record.ts'

/**
 * The lines so far; with `follow` those to come too, until the container's process has ended. Without a monitor nothing
 * comes any more: a last line says so. NO_SUCH_CONTAINER, LOG_NOT_KEPT.
 */
export async function* readLogs(
  parts: ContainerParts,
  nameOrId: string,
  options: LogOptions = {},
): AsyncIterable<LogLine> {
  const { id, data } = getContainer(parts.store, nameOrId)
  if (data.request.logDriver === 'none') throw failure('LOG_NOT_KEPT', {})
  const handle = handleOf(parts, id)
  const path = logPathOf(parts.store, id)
  const files = containerFiles(handle)
  const state = await parts.runtime.state(handle)
  if ((state.status === 'running' || state.status === 'paused') && !state.supervised) {
    yield* parts.readLog(path, { ...options, follow: false, isEnded: () => true, endFolder: files.exits })
    yield lostRecord(BigInt(Date.now()) * 1_000_000n, 'the monitor of the container was killed')
    if (options.follow === true) await parts.runtime.wait(handle, { signal: options.signal })
    return
  }
  yield* parts.readLog(path, { ...options, isEnded: () => isSettled(files), endFolder: files.exits })
}
