import { failure } from '../../util/errors.ts'

/**
 * A time as clients send it: seconds with a fraction of up to nine digits, or RFC 3339. Nanoseconds; undefined for
 * nothing and for 0. INVALID_ARGUMENT names it.
 */
export function parseMoment(name: string, text: string): bigint | undefined {
  if (text === '' || text === '0') return undefined
  const [, seconds, fraction = ''] = /^(\d{1,15})(?:\.(\d{1,9}))?$/.exec(text) ?? []
  if (seconds !== undefined) return BigInt(seconds) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))
  const [, head = '', digits = '', zone = ''] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const milliseconds = Date.parse(`${head}${zone}`)
  if (Number.isNaN(milliseconds)) {
    throw failure('INVALID_ARGUMENT', {
      reason: `invalid value for ${name}: "${text.slice(0, 100)}" is no time`,
    })
  }
  return BigInt(milliseconds) * 1_000_000n + BigInt(digits.padEnd(9, '0'))
}
