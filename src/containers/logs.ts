import { containerFiles, isSettled } from '../runtime/container-files.ts'
import { failure } from '../util/errors.ts'
import type { LogLine, LogOptions } from './containers.ts'
import { handleOf, logPathOf } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { getContainer } from './record.ts'

/** The lines so far; with `follow` those to come too, until the container's process has ended. NO_SUCH_CONTAINER. */
export async function* readLogs(
  parts: ContainerParts,
  nameOrId: string,
  options: LogOptions = {},
): AsyncIterable<LogLine> {
  const { id, data } = getContainer(parts.store, nameOrId)
  if (data.request.logDriver === 'none') throw failure('LOG_NOT_KEPT', {})
  const files = containerFiles(handleOf(parts, id))
  yield* parts.readLog(logPathOf(parts.store, id), {
    ...options,
    isEnded: () => isSettled(files),
    endFolder: files.exits,
  })
}
