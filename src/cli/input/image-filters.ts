import type { ImageFilters } from '../../images/images.ts'
import { parseFilters, parseTruth } from './parse-filters.ts'
import { parseMoment } from './parse-time.ts'

/** The `--filter` flags of image commands; `names` limits them to those the command has. CLI_FAILED. */
export function parseImageFilters(
  filters: readonly string[],
  names: readonly string[],
  now: number,
): ImageFilters {
  const found = parseFilters(filters, names)
  const dangling = parseTruth('dangling', found['dangling'])
  const until = found['until']?.at(-1)
  const before = found['before']?.at(-1)
  const since = found['since']?.at(-1)
  return {
    ...(dangling === undefined ? {} : { dangling }),
    ...(found['label'] ? { label: found['label'] } : {}),
    ...(found['label!'] ? { notLabel: found['label!'] } : {}),
    ...(before === undefined ? {} : { before }),
    ...(since === undefined ? {} : { since }),
    ...(found['reference'] ? { reference: found['reference'] } : {}),
    ...(until === undefined ? {} : { until: Number(parseMoment('until', until, now) / 1_000_000n) }),
  }
}
