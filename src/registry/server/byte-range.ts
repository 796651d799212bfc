import type { ByteRange } from './storage.ts'

/**
 * What a Range header asks for: a part, `whole` when there is no header, or one that may be ignored (several parts,
 * another unit, bad syntax), `outside` when nothing of it exists. Source: RFC 9110, section 14.
 */
export function parseByteRange(header: string | undefined, size: number): ByteRange | 'whole' | 'outside' {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/.exec(header ?? '')
  const [, first = '', last = ''] = match ?? []
  if (match === null || (first === '' && last === '')) return 'whole'
  if (first === '') {
    const count = Math.min(Number(last), size)
    return count === 0 ? 'outside' : { start: size - count, end: size - 1 }
  }
  const start = Number(first)
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1)
  if (last !== '' && Number(last) < start) return 'whole'
  return start >= size ? 'outside' : { start, end }
}
