import { once } from 'node:events'
import type { Attachment } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import type { CommandIo, InputStream, OutputStream } from '../command.ts'
import { detachScanner } from '../../util/detach-keys.ts'

export interface StreamOptions {
  readonly tty: boolean
  /** Hand standard input on. */
  readonly stdin: boolean
  readonly stdout?: boolean
  readonly stderr?: boolean
  readonly detachKeys: string | undefined
  readonly signal: AbortSignal
}

/**
 * Joins a container's streams with this terminal until the container closes them or the detach keys are typed. With a
 * tty the terminal is raw meanwhile and the container's follows its size.
 */
export async function streamContainer(
  attachment: Attachment,
  io: CommandIo,
  options: StreamOptions,
): Promise<'ended' | 'detached'> {
  const { promise: detached, resolve: detach } = Promise.withResolvers<'detached'>()
  using _terminal = options.tty ? followTerminal(attachment, io, options.stdin) : undefined
  using _input = options.stdin
    ? forwardInput(attachment, io.stdin, options, () => detach('detached'))
    : undefined
  const aborted = abortOf(options.signal)
  return await Promise.race([
    copyOutput(attachment, io, options).then(() => 'ended' as const),
    detached,
    aborted,
  ])
}

async function abortOf(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort')
  throw failure('CANCELED', {})
}

async function copyOutput(attachment: Attachment, io: CommandIo, options: StreamOptions): Promise<void> {
  const { stdout = true, stderr = true } = options
  for await (const { stream, chunk } of attachment.output) {
    if (stream === 'stdout' ? stdout : stderr) await write(stream === 'stdout' ? io.stdout : io.stderr, chunk)
  }
}

/** A slow reader slows the container down instead of filling memory. */
async function write(output: OutputStream, chunk: Uint8Array): Promise<void> {
  if (!output.write(chunk)) await once(output, 'drain')
}

function forwardInput(
  attachment: Attachment,
  stdin: InputStream,
  options: StreamOptions,
  detach: () => void,
): Disposable {
  const scan = options.tty ? detachScanner(options.detachKeys) : undefined
  // one write after the other; the container may be gone already: its exit is what counts then
  let last: Promise<void> = Promise.resolve()
  const queue = (action: () => Promise<void>): Promise<void> =>
    (last = last.then(action).catch(() => undefined))
  const onData = (chunk: Buffer): void => {
    const { bytes, found } = scan?.(chunk) ?? { bytes: chunk, found: false }
    stdin.pause()
    void queue(() => attachment.write(bytes)).then(() => (found ? detach() : stdin.resume()))
  }
  const onEnd = (): void => void queue(() => attachment.end())
  stdin.on('data', onData)
  stdin.once('end', onEnd)
  return {
    [Symbol.dispose]() {
      stdin.off('data', onData)
      stdin.off('end', onEnd)
      stdin.pause()
    },
  }
}

function followTerminal(attachment: Attachment, io: CommandIo, raw: boolean): Disposable {
  const { stdin, stdout } = io
  const resize = (): void => {
    if (stdout.columns && stdout.rows) attachment.resize(stdout.columns, stdout.rows).catch(() => undefined)
  }
  const isRaw = raw && stdin.isTTY === true && stdin.setRawMode !== undefined
  if (isRaw) {
    stdin.setRawMode?.(true)
    io.keepNewlines?.()
  }
  resize()
  stdout.on('resize', resize)
  return {
    [Symbol.dispose]() {
      stdout.off('resize', resize)
      if (isRaw) stdin.setRawMode?.(false)
    },
  }
}
