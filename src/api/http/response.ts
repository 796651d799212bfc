import type { Duplex, Writable } from 'node:stream'

export interface PlainResponse {
  readonly kind: 'plain'
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A body that comes piece by piece. Until its first byte an error is still an error status. */
export interface StreamResponse {
  readonly kind: 'stream'
  readonly contentType: string
  readonly headers?: Readonly<Record<string, string>>
  /** The head goes out at once, before there is any body. */
  readonly headFirst?: boolean
  write(output: Writable): Promise<void>
  /** What is written when `write` fails after the first byte; without it the connection is cut. */
  errorText?(error: unknown): string
}

/** The connection becomes the streams of a process. */
export interface HijackResponse {
  readonly kind: 'hijack'
  readonly mediaType: string
  /** Reads what the client sends and writes to it; the connection ends with the promise. */
  run(connection: Duplex): Promise<void>
}

export type ApiResponse = PlainResponse | StreamResponse | HijackResponse

export function json(value: unknown, status = 200): PlainResponse {
  return {
    kind: 'plain',
    status,
    headers: { 'Content-Type': 'application/json' },
    body: `${JSON.stringify(value)}\n`,
  }
}

export function empty(status: 200 | 204 = 204): PlainResponse {
  return { kind: 'plain', status }
}

/** Waits for room: a slow client slows its source down instead of filling memory. False when it is gone. */
export async function send(output: Writable, chunk: Uint8Array | string): Promise<boolean> {
  if (output.destroyed) return false
  if (output.write(chunk)) return true
  return await new Promise((resolve) => {
    const done = (): void => {
      output.off('drain', done).off('close', done)
      resolve(!output.destroyed)
    }
    output.on('drain', done).on('close', done)
  })
}
