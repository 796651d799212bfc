import { setTimeout as sleep } from 'node:timers/promises'
import type { LogLine, LogOptions } from '../../containers/containers.ts'
import { isMilleError } from '../../util/errors.ts'
import type { Observed } from './observed.ts'
import type { ComposeParts } from './parts.ts'

export interface ServiceLine extends LogLine {
  readonly container: Observed
}

/** Milliseconds between two looks. */
const pause = 200

/** The lines of several containers so far, by time. */
export async function* readLogs(
  { engine }: ComposeParts,
  containers: readonly Observed[],
  options: LogOptions,
): AsyncGenerator<ServiceLine> {
  const sources = containers.map((container) => ({
    container,
    lines: engine.containers.logs(container.id, options)[Symbol.asyncIterator](),
  }))
  const heads = new Map<(typeof sources)[number], LogLine>()
  const advance = async (source: (typeof sources)[number]): Promise<void> => {
    const next = await source.lines.next()
    if (next.done === true) heads.delete(source)
    else heads.set(source, next.value)
  }
  for (const source of sources) await advance(source)
  for (;;) {
    const [first] = [...heads].sort(([, a], [, b]) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    if (first === undefined) return
    const [source, line] = first
    yield { ...line, container: source.container }
    await advance(source)
  }
}

/**
 * Lines of a container as they come, also of what its restart policy starts again, until it has ended for good. Resolves with
 * its exit code, or undefined when it was removed.
 */
export async function followLogs(
  { engine, signal }: ComposeParts,
  container: Observed,
  options: LogOptions,
  onLine: (line: ServiceLine) => Promise<void> | void,
): Promise<number | undefined> {
  let since = options.since
  try {
    for (let isFirst = true; ; isFirst = false) {
      const { tail, ...later } = options
      const wanted = { ...later, follow: true, signal, ...(isFirst && tail !== undefined && { tail }) }
      const lines = engine.containers.logs(container.id, { ...wanted, ...(since !== undefined && { since }) })
      for await (const line of lines) {
        await onLine({ ...line, container })
        since = line.time + 1n
      }
      if (signal.aborted) return undefined
      const { state } = await engine.containers.inspect(container.id)
      if (state.status === 'exited' || state.status === 'created' || state.status === 'dead')
        return state.exitCode
      // between its end and its next start, which may be a minute away
      await sleep(pause, undefined, { signal })
    }
  } catch (error) {
    if (signal.aborted || isMilleError(error, 'NO_SUCH_CONTAINER', 'LOG_NOT_KEPT')) return undefined
    throw error
  }
}
