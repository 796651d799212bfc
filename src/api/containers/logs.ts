import type { LogLine, LogOptions } from '../../containers/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { copyOutput, outputMediaType } from '../http/frames.ts'
import { nanoTime } from '../../util/nano-time.ts'
import { parseMoment } from '../http/moment.ts'
import type { ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

async function showLogs(
  request: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  const { name, query, version, signal } = request
  const [stdout, stderr] = [query.flag('stdout'), query.flag('stderr')]
  if (!stdout && !stderr) {
    throw failure('INVALID_ARGUMENT', { reason: 'Bad parameters: you must choose at least one stream' })
  }
  const options = logOptions(request)
  const { id, config, request: wish } = await containers.inspect(name)
  if (wish.logDriver === 'none') throw failure('LOG_NOT_KEPT', {})
  const lines = containers.logs(id, { ...options, signal })
  const head = { timestamps: query.flag('timestamps'), details: query.flag('details') }
  return {
    kind: 'stream',
    contentType: outputMediaType(config.Tty, version),
    headFirst: true,
    write: (output) => copyOutput(chunksOf(lines, head), output, { tty: config.Tty, stdout, stderr }),
  }
}

function logOptions({ query }: ApiRequest): LogOptions {
  const tail = query.text('tail')
  const [since, until] = [
    parseMoment('since', query.text('since')),
    parseMoment('until', query.text('until')),
  ]
  return {
    follow: query.flag('follow'),
    // anything but a number of lines is all of them, as in Docker
    ...(/^\d+$/.test(tail) && { tail: Number(tail) }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
  }
}

interface LineHead {
  readonly timestamps: boolean
  readonly details: boolean
}

async function* chunksOf(
  lines: AsyncIterable<LogLine>,
  { timestamps, details }: LineHead,
): AsyncIterable<{ readonly stream: 'stdout' | 'stderr'; readonly chunk: Uint8Array }> {
  for await (const { stream, time, text } of lines) {
    // behind the time Docker puts what log options add, and a space: there are none of these options here
    const head = `${timestamps ? `${nanoTime(time)} ` : ''}${details ? ' ' : ''}`
    yield { stream, chunk: head === '' ? text : Buffer.concat([Buffer.from(head), text]) }
  }
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'GET', path: '/containers/{id}/logs', handle: showLogs },
]
