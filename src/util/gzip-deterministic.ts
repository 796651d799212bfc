import { availableParallelism } from 'node:os'
import { Readable } from 'node:stream'
import { gzipLevel, type GzipLevel, memberBytes, mostMemberBytes, writeGzipMember } from './gzip-member.ts'
import type { GzipJob } from './gzip-worker.ts'
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

/** A piece of data on its way; its memory is used again for a later one. */
interface Piece {
  readonly data: SharedArrayBuffer
  readonly member: SharedArrayBuffer
  /** Bytes of data in it. */
  length: number
  /** Bytes of the member, once it is made. */
  made: Promise<unknown>
}

async function* gzipMembers(
  source: AsyncIterable<Uint8Array>,
  level: GzipLevel,
): AsyncGenerator<Buffer, void, undefined> {
  const threads = Math.min(maxThreads, availableParallelism())
  await using pool = new WorkerPool(workerEntry(import.meta.url, './gzip-worker.ts'), threads)
  const running: Piece[] = []
  const free: Piece[] = []
  let piece = newPiece()
  for await (const chunk of source)
    for (let at = 0; at < chunk.length;) {
      // only now: what fits one member needs no thread
      if (piece.length === memberBytes) {
        start(pool, piece, level)
        running.push(piece)
        if (running.length > threads) {
          const first = running.shift() as Piece
          yield await finish(first)
          free.push(first)
        }
        piece = free.pop() ?? newPiece()
      }
      const length = Math.min(chunk.length - at, memberBytes - piece.length)
      new Uint8Array(piece.data).set(chunk.subarray(at, at + length), piece.length)
      piece.length += length
      at += length
    }
  if (running.length === 0) return yield makeHere(piece, level)
  start(pool, piece, level)
  for (const each of [...running, piece]) yield await finish(each)
}

function newPiece(): Piece {
  return {
    data: new SharedArrayBuffer(memberBytes),
    member: new SharedArrayBuffer(mostMemberBytes),
    length: 0,
    made: Promise.resolve(0),
  }
}

function start(pool: WorkerPool, piece: Piece, level: GzipLevel): void {
  const { data, length, member } = piece
  const job: GzipJob = { data, length, level, member }
  piece.made = pool.run(job)
  // Its failure is met when its turn comes; until then it must not count as unhandled.
  piece.made.catch(() => undefined)
}

function makeHere({ data, length, member }: Piece, level: GzipLevel): Buffer {
  const target = new Uint8Array(member)
  return Buffer.from(target.subarray(0, writeGzipMember(new Uint8Array(data, 0, length), level, target)))
}

/** A copy of the finished member: the piece can take other data now. */
async function finish(piece: Piece): Promise<Buffer> {
  const length = (await piece.made) as number
  piece.length = 0
  return Buffer.from(new Uint8Array(piece.member, 0, length))
}
