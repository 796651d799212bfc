import { once } from 'node:events'
import type { CommandIo, OutputStream } from './command.ts'

/** Most bytes that are held back. */
const batchSize = 64 * 1024

/**
 * Joins small writes to one, in order over both streams: each costs a system call, and a log has millions of lines. What
 * was written leaves when the program next has nothing else to do.
 */
export interface BatchedOutput {
  write(stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> | undefined
  flush(): Promise<void>
}

export function batchOutput(io: CommandIo): BatchedOutput {
  let pending: Uint8Array[] = []
  let size = 0
  let to: 'stdout' | 'stderr' = 'stdout'
  let timer: NodeJS.Immediate | undefined
  const leave = (): OutputStream | undefined => {
    clearImmediate(timer)
    timer = undefined
    if (pending.length === 0) return undefined
    const bytes = Buffer.concat(pending)
    pending = []
    size = 0
    return io[to].write(bytes) ? undefined : io[to]
  }
  const flush = async (): Promise<void> => {
    const full = leave()
    if (full !== undefined) await once(full, 'drain')
  }
  return {
    flush,
    write(stream, bytes) {
      if (stream !== to) {
        leave()
        to = stream
      }
      pending.push(bytes)
      size += bytes.length
      if (size >= batchSize) return flush()
      timer ??= setImmediate(leave)
      return undefined
    },
  }
}
