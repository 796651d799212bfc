import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { gzipLevel, type GzipLevel, gzipMember, memberBytes } from './gzip-member.ts'
import { WorkerPool, workerEntry } from './worker-pool.ts'

const maxThreads = 4

/**
 * The gzip form of `source`, whose bytes are the same on every machine, processor, Node version and count of threads:
 * a manifest's digest depends on them. Each MiB becomes one gzip member, made in worker threads; every gzip reader
 * joins members (RFC 1952, 2.2). Holds a few MiB, whatever the length.
 */
export function gzipDeterministic(source: Readable, level: GzipLevel = gzipLevel): Readable {
  return Readable.from(gzipMembers(source, level), { objectMode: false, highWaterMark: memberBytes })
}

async function* gzipMembers(
  source: AsyncIterable<Uint8Array>,
  level: GzipLevel,
): AsyncGenerator<Uint8Array, void, undefined> {
  const threads = Math.min(maxThreads, availableParallelism())
  await using pool = new WorkerPool(workerEntry(import.meta.url, './gzip-worker.ts'), threads)
  const running: Promise<Uint8Array>[] = []
  let held: Buffer | undefined
  for await (const piece of cut(source)) {
    // One piece behind: what fits one member needs no thread.
    if (held !== undefined) running.push(start(pool, held, level))
    held = piece
    const first = running.length > threads ? running.shift() : undefined
    if (first !== undefined) yield await first
  }
  if (running.length === 0) return yield gzipMember(held ?? Buffer.alloc(0), level)
  if (held !== undefined) running.push(start(pool, held, level))
  for (const member of running) yield await member
}

function start(pool: WorkerPool, data: Buffer, level: GzipLevel): Promise<Uint8Array> {
  const member = pool.run({ data, level }) as Promise<Uint8Array>
  // Its failure is met when its turn comes; until then it must not count as unhandled.
  member.catch(() => undefined)
  return member
}

/** Pieces of `memberBytes`, the last one shorter, however the source is cut. */
async function* cut(source: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer, void, undefined> {
  let piece = Buffer.allocUnsafeSlow(memberBytes)
  let filled = 0
  for await (const chunk of source)
    for (let at = 0; at < chunk.length;) {
      const length = Math.min(chunk.length - at, memberBytes - filled)
      piece.set(chunk.subarray(at, at + length), filled)
      at += length
      filled += length
      if (filled < memberBytes) continue
      yield piece
      piece = Buffer.allocUnsafeSlow(memberBytes)
      filled = 0
    }
  if (filled > 0) yield piece.subarray(0, filled)
}
