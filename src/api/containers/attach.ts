import type { Attachment, ContainerDetails, Containers } from '../../containers/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { parseDetachKeys } from '../../util/detach-keys.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { checked } from '../convert/runtime-wish.ts'
import { dropBody } from '../http/drop-body.ts'
import { outputMediaType } from '../http/frames.ts'
import { joinStreams } from '../http/join-streams.ts'
import { empty, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'

async function attachContainer(
  request: ApiRequest,
  { containers, attached }: Pick<ServedEngine, 'containers' | 'attached'>,
): Promise<ApiResponse> {
  const { name, query, version, signal } = request
  const container = await containers.inspect(name)
  if (container.state.status === 'paused') throw failure('CONTAINER_PAUSED', { name })
  await dropBody(request)
  const detachKeys = detachKeysOf(query.text('detachKeys'))
  const tty = container.config.Tty
  const streams = await openStreams(containers, container, request)
  return {
    kind: 'hijack',
    mediaType: outputMediaType(tty, version),
    async run(connection) {
      const joined = joinStreams(connection, streams, {
        tty,
        stdin: query.flag('stdin') && query.flag('stream'),
        stdout: query.flag('stdout'),
        stderr: query.flag('stderr'),
        detachKeys,
        signal,
      })
      await attached.add(container.id, joined)
    },
  }
}

/** INVALID_ARGUMENT for keys that nobody can type; empty: Docker's. */
export function detachKeysOf(text: string): string {
  if (text !== '') checked(() => parseDetachKeys(text))
  return text
}

/** `logs` is what was written until now, `stream` what will be. */
async function openStreams(
  containers: Containers,
  container: ContainerDetails,
  { query, signal }: ApiRequest,
): Promise<Attachment> {
  const { id } = container
  const [logs, stream] = [query.flag('logs'), query.flag('stream')]
  if (!stream) return { ...silent, output: logs ? replay(containers, id, false, signal) : nothing() }
  const live = await attachOrNothing(containers, id, query.flag('stdin'))
  if (!logs) return live
  // what is running is read from its log to the end, so that nothing comes twice
  if (container.state.status === 'running') return { ...live, output: replay(containers, id, true, signal) }
  return { ...live, output: both(replay(containers, id, false, signal), live.output) }
}

/**
 * Attaching before the start prepares the process. When that fails the client is to hear it from `start`, which it calls
 * next and whose error it knows to read: until it leaves, nothing comes.
 */
async function attachOrNothing(containers: Containers, id: string, stdin: boolean): Promise<Attachment> {
  try {
    return await containers.attach(id, { stdin })
  } catch (error) {
    if (isMilleError(error, 'NO_SUCH_CONTAINER', 'CONTAINER_REMOVING')) throw error
    return { ...silent, output: never }
  }
}

const silent = {
  write: async (): Promise<void> => {},
  end: async (): Promise<void> => {},
  resize: async (): Promise<void> => {},
  [Symbol.asyncDispose]: async (): Promise<void> => {},
}

type Output = Attachment['output']

async function* replay(containers: Containers, id: string, follow: boolean, signal: AbortSignal): Output {
  for await (const { stream, text } of containers.logs(id, { follow, signal })) yield { stream, chunk: text }
}

async function* both(first: Output, second: Output): Output {
  yield* first
  yield* second
}

async function* nothing(): Output {}

/** Neither output nor an end. */
const never: Output = { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }) }

async function resizeContainer(
  { name, query }: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  await containers.resize(
    name,
    resizeNumber('width', query.text('w')),
    resizeNumber('height', query.text('h')),
  )
  return empty(200)
}

/** Of a terminal. INVALID_ARGUMENT. */
export function resizeNumber(what: 'width' | 'height', text: string): number {
  if (/^\d{1,5}$/.test(text)) return Number(text)
  throw failure('INVALID_ARGUMENT', { reason: `invalid resize ${what} "${text}": invalid syntax` })
}

export const routes: readonly Route<'containers' | 'attached'>[] = [
  { method: 'POST', path: '/containers/{id}/attach', handle: attachContainer },
  { method: 'POST', path: '/containers/{id}/resize', handle: resizeContainer },
]
