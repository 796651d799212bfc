import { setTimeout as sleep } from 'node:timers/promises'

/** Milliseconds that output may still take after the end of its process, as in Docker: a child may hold it open. */
const rest = 2000

/** The clients that are attached to containers through this server. */
export interface Attached {
  /** Counts one in until `stream` settles; passes it on. */
  add<Value>(containerId: string, stream: Promise<Value>): Promise<Value>
  /**
   * Resolves when those that are attached have all output: clients that are told an exit code take what they have read
   * until then for everything. At most 2 s.
   */
  drained(containerId: string): Promise<void>
}

export function createAttached(): Attached {
  const streams = new Map<string, Set<Promise<unknown>>>()
  return {
    async add(containerId, stream) {
      const own = streams.get(containerId) ?? new Set()
      streams.set(containerId, own.add(stream))
      try {
        return await stream
      } finally {
        own.delete(stream)
        if (own.size === 0) streams.delete(containerId)
      }
    },
    async drained(containerId) {
      const own = streams.get(containerId)
      if (own === undefined) return
      const cut = new AbortController()
      const late = sleep(rest, undefined, { signal: cut.signal }).catch(() => undefined)
      await Promise.race([Promise.allSettled(own), late])
      cut.abort()
    },
  }
}
