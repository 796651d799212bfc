export interface InflateStep {
  /** Bytes taken from the input. */
  readonly consumed: number
  /** Bytes put into the output. */
  readonly produced: number
  /** A gzip member ended here and its checksum and length were right. The next push starts another member. */
  readonly done: boolean
}

/**
 * Inflates gzip in steps, synchronously: for worker threads and for callers with their own buffers.
 * A step ends when the input is used up, the output is full, or a member is at its end.
 */
export interface Inflater {
  /** @throws COMPRESSION_CORRUPT for a bad header, bad data, a wrong checksum or length */
  push(input: Uint8Array, output: Uint8Array): InflateStep
}
