import { answerWork } from './answer-work.ts'
import { gzipMember, type GzipLevel } from './gzip-member.ts'

answerWork(({ data, level }: { readonly data: Uint8Array; readonly level: GzipLevel }) =>
  Promise.resolve(gzipMember(data, level)),
)
