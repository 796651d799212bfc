import { isMilleError, messageOf } from '../../util/errors.ts'
import { humanSize } from '../../util/human-size.ts'
import type { ProgressEvent } from '../../util/progress.ts'
import type { StreamResponse } from './response.ts'

/** Writes one JSON object as a line. */
export type SendLine = (line: Readonly<Record<string, unknown>>) => void

export interface ProgressSender {
  readonly line: SendLine
  /** As `line`, of work on one object. Bytes that moved are left out while the client is slow: the next tell more. */
  readonly progress: (event: ProgressEvent) => void
}

/** Long work told in JSON lines. An error before the first is the status; later it is a line itself (E03). */
export function jsonLines(work: (send: ProgressSender) => Promise<void>): StreamResponse {
  return {
    kind: 'stream',
    contentType: 'application/json',
    async write(output) {
      const line: SendLine = (value) => void output.write(`${JSON.stringify(value)}\r\n`)
      const progress = (event: ProgressEvent): void => {
        if (event.current !== undefined && output.writableNeedDrain) return
        line(toProgressLine(event))
      }
      await work({ line, progress })
    },
    errorText: (error) => `${JSON.stringify(toErrorLine(error))}\r\n`,
  }
}

function toErrorLine(error: unknown): Readonly<Record<string, unknown>> {
  const message = messageOf(error)
  const { exitCode } = isMilleError(error) ? error.details : {}
  return {
    errorDetail: { ...(typeof exitCode === 'number' && { code: exitCode }), message },
    error: message,
  }
}

function toProgressLine({ id, status, current, total }: ProgressEvent): Readonly<Record<string, unknown>> {
  return {
    status,
    // nothing yet of nobody knows how much is no progress
    ...(current === undefined || (current === 0 && !total)
      ? { progressDetail: {} }
      : {
          progressDetail: { current, ...(total !== undefined && { total }) },
          progress: progressText(current, total),
        }),
    ...(id !== undefined && { id }),
  }
}

function progressText(current: number, total: number | undefined): string {
  if (!total) return humanSize(current)
  const done = Math.min(50, Math.trunc((current / total) * 50))
  const bar = `[${'='.repeat(done)}>${' '.repeat(50 - done)}]`
  return `${bar}  ${humanSize(current)}/${humanSize(total)}`
}
