import { answerWork } from './answer-work.ts'
import { type GzipLevel, writeGzipMember } from './gzip-member.ts'

/** One piece of data, in memory that both threads see. */
export interface GzipJob {
  readonly data: SharedArrayBuffer
  readonly length: number
  readonly level: GzipLevel
  readonly member: SharedArrayBuffer
}

answerWork(({ data, length, level, member }: GzipJob) =>
  Promise.resolve(writeGzipMember(new Uint8Array(data, 0, length), level, new Uint8Array(member))),
)
