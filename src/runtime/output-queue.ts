export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr'
  readonly chunk: Buffer
}

/** Joins pushed chunks to one AsyncIterable. A producer that looks at `isFull` keeps memory bounded. */
export interface OutputQueue extends AsyncIterable<OutputChunk> {
  push(chunk: OutputChunk): void
  end(error?: unknown): void
  readonly isFull: boolean
  /** Called when there is room again. */
  onRoom: (() => void) | undefined
}

const HIGH_WATER = 1024 * 1024

export function createOutputQueue(): OutputQueue {
  const chunks: OutputChunk[] = []
  let size = 0
  let ended = false
  let failed: unknown
  let wake: (() => void) | undefined
  const queue: OutputQueue = {
    onRoom: undefined,
    get isFull() {
      return size > HIGH_WATER
    },
    push(chunk) {
      chunks.push(chunk)
      size += chunk.chunk.length
      wake?.()
    },
    end(error) {
      ended = true
      failed ??= error
      wake?.()
    },
    async *[Symbol.asyncIterator]() {
      for (;;) {
        const next = chunks.shift()
        if (next !== undefined) {
          const wasFull = queue.isFull
          size -= next.chunk.length
          if (wasFull && !queue.isFull) queue.onRoom?.()
          yield next
        } else if (failed !== undefined) throw failed
        else if (ended) return
        else {
          await new Promise<void>((resolve) => {
            wake = resolve
          })
          wake = undefined
        }
      }
    },
  }
  return queue
}
