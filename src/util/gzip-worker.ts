import { answerWork } from './answer-work.ts'
import { gzipMember } from './gzip-member.ts'

answerWork((data: Uint8Array) => Promise.resolve(gzipMember(data)))
