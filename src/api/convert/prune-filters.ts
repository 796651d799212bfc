import { failure } from '../../util/errors.ts'
import { parseMoment } from '../http/moment.ts'
import type { Filters } from '../http/query.ts'

/** What prune calls filter by. */
export interface PruneFilters {
  readonly label?: readonly string[]
  readonly notLabel?: readonly string[]
  /** Milliseconds since the epoch. */
  readonly until?: number
  readonly all?: boolean
  readonly dangling?: boolean
}

/** INVALID_ARGUMENT for filters that are not among `known`. */
export function parsePruneFilters(filters: Filters, known: readonly string[]): PruneFilters {
  const wrong = Object.keys(filters).find((name) => !known.includes(name))
  if (wrong !== undefined) throw failure('INVALID_ARGUMENT', { reason: `invalid filter '${wrong}'` })
  const [until] = filters['until'] ?? []
  const truth = (name: string): boolean | undefined => {
    const value = filters[name]?.at(-1)
    return value === undefined ? undefined : value === '1' || value === 'true'
  }
  return {
    ...(filters['label'] && { label: filters['label'] }),
    ...(filters['label!'] && { notLabel: filters['label!'] }),
    ...(until !== undefined && { until: untilTime(until) }),
    ...(truth('all') !== undefined && { all: truth('all') === true }),
    ...(truth('dangling') !== undefined && { dangling: truth('dangling') === true }),
  }
}

const units: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000 }

/** A time, or like `24h` how long ago it was. */
function untilTime(text: string): number {
  if (/^(\d+[hms])+$/.test(text)) {
    const parts = [...text.matchAll(/(\d+)([hms])/g)]
    return (
      Date.now() - parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (units[unit] ?? 0), 0)
    )
  }
  return Number((parseMoment('until', text) ?? 0n) / 1_000_000n)
}
