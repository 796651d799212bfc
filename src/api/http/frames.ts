import type { Writable } from 'node:stream'
import { send } from './response.ts'

type StreamName = 'stdout' | 'stderr'

/** What of a process's output a client asked for. */
export interface OutputWish {
  readonly tty: boolean
  readonly stdout: boolean
  readonly stderr: boolean
}

/** The media type of such output: without a terminal clients of API 1.42 and later are told that it comes in frames. */
export function outputMediaType(tty: boolean, version: number): string {
  return tty || version < 42
    ? 'application/vnd.docker.raw-stream'
    : 'application/vnd.docker.multiplexed-stream'
}

const streamNumbers: Readonly<Record<StreamName, number>> = { stdout: 1, stderr: 2 }

/**
 * Docker's frame: one byte that names the stream, three zeros, the length as 32-bit big endian, the bytes.
 * Source: Engine API, ContainerAttach, "Stream format".
 */
export function frame(stream: StreamName, chunk: Uint8Array): Buffer {
  const head = Buffer.alloc(8)
  head[0] = streamNumbers[stream]
  head.writeUInt32BE(chunk.length, 4)
  return Buffer.concat([head, chunk])
}

/** Copies output to a client until it ends or the client is gone; with a terminal as it is, else in frames. */
export async function copyOutput(
  output: AsyncIterable<{ readonly stream: StreamName; readonly chunk: Uint8Array }>,
  client: Writable,
  wish: OutputWish,
): Promise<void> {
  for await (const { stream, chunk } of output) {
    if (!(stream === 'stdout' ? wish.stdout : wish.stderr)) continue
    if (!(await send(client, wish.tty ? chunk : frame(stream, chunk)))) return
  }
}
