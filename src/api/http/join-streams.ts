import type { Duplex } from 'node:stream'
import type { Attachment } from '../../containers/containers.ts'
import { detachScanner } from '../../util/detach-keys.ts'
import { copyOutput, type OutputWish } from './frames.ts'

export interface JoinWish extends OutputWish {
  readonly stdin: boolean
  /** What a terminal's user types to leave; absent: Docker's. */
  readonly detachKeys?: string
  readonly signal: AbortSignal
}

/**
 * Joins a client's connection with a process's streams until the process closes them, the client is gone, or its user
 * typed the detach keys. A client that wants no output is gone with the end of its input: nothing is ever written that
 * would tell. The streams are disposed. True when the process closed them.
 */
export async function joinStreams(
  connection: Duplex,
  streams: Pick<Attachment, 'write' | 'end' | 'output' | typeof Symbol.asyncDispose>,
  wish: JoinWish,
): Promise<boolean> {
  await using owned = streams
  const left = Promise.withResolvers<boolean>()
  const leave = (): void => left.resolve(false)
  if (wish.signal.aborted) return false
  wish.signal.addEventListener('abort', leave, { once: true })
  try {
    const inputEnd = wish.stdin ? forwardInput(connection, owned, wish, leave) : endOf(connection)
    // read all the same: else nobody sees that the client closed
    if (!wish.stdin) connection.resume()
    if (!wish.stdout && !wish.stderr) void inputEnd.then(leave)
    const closed = copyOutput(owned.output, connection, wish).then(() => true)
    return await Promise.race([closed, left.promise])
  } finally {
    wish.signal.removeEventListener('abort', leave)
  }
}

function endOf(connection: Duplex): Promise<void> {
  // a client may be gone before it is answered
  if (connection.readableEnded || connection.destroyed) return Promise.resolve()
  return new Promise((resolve) => connection.once('end', () => resolve()).once('close', () => resolve()))
}

/** Resolves when all input was handed on. */
function forwardInput(
  connection: Duplex,
  streams: Pick<Attachment, 'write' | 'end'>,
  { tty, detachKeys }: JoinWish,
  detach: () => void,
): Promise<void> {
  const scan = tty ? detachScanner(detachKeys || undefined) : undefined
  // one write after the other; the process may be gone already: its exit is what counts then
  let last: Promise<void> = Promise.resolve()
  const queue = (action: () => Promise<void>): Promise<void> =>
    (last = last.then(action).catch(() => undefined))
  connection.on('data', (chunk: Buffer) => {
    const { bytes, found } = scan?.(chunk) ?? { bytes: chunk, found: false }
    connection.pause()
    void queue(() => streams.write(bytes)).then(() => (found ? detach() : connection.resume()))
  })
  return endOf(connection).then(() => queue(() => streams.end()))
}
