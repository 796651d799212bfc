import { failure } from '../../util/errors.ts'

const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
}

/** Go's duration text (`1h30m`, `1.5s`) in nanoseconds, undefined when it is none. */
export function parseDuration(text: string): bigint | undefined {
  if (text === '0') return 0n
  const parts = /^([+-]?)((?:\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+)$/.exec(text)
  if (!parts) return undefined
  let total = 0n
  for (const [, amount, unit] of (parts[2] ?? '').matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)) {
    total += BigInt(Math.round(Number(amount) * Number(unitNanos[unit ?? ''] ?? 1n)))
  }
  return parts[1] === '-' ? -total : total
}

/**
 * A moment as `--since` and `until=` take it, in nanoseconds since the epoch: a duration before `now` (milliseconds),
 * RFC 3339 (date alone or with time, local when it has no zone), or UNIX seconds with fraction. CLI_FAILED otherwise.
 */
export function parseMoment(option: string, text: string, now: number): bigint {
  const duration = parseDuration(text)
  if (duration !== undefined) return BigInt(now) * 1_000_000n - duration
  const unix = /^(\d+)(?:\.(\d{1,9}))?$/.exec(text)
  if (unix) return BigInt(unix[1] ?? 0) * 1_000_000_000n + BigInt((unix[2] ?? '0').padEnd(9, '0'))
  const date = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d{1,9}))?)?(Z|[+-]\d\d:\d\d)?$/.exec(
    text,
  )
  if (date) {
    const whole = Date.parse(`${date[1]}T${date[2] ?? '00:00:00'}${date[4] ?? ''}`)
    if (!Number.isNaN(whole)) return BigInt(whole) * 1_000_000n + BigInt((date[3] ?? '0').padEnd(9, '0'))
  }
  throw failure('CLI_FAILED', {
    reason: `invalid value for ${option}: "${text}" is no time: use e.g. 42m, 2026-01-02T13:23:37Z or a UNIX timestamp`,
  })
}

/** `--tail`: a number of lines, or `all`. CLI_FAILED. */
export function parseTail(value: string | undefined): number | undefined {
  if (value === undefined || value === 'all') return undefined
  if (/^\d+$/.test(value)) return Number(value)
  throw failure('CLI_FAILED', {
    reason: `invalid value for --tail: "${value}" is no number of lines: use e.g. 100 or all`,
  })
}
