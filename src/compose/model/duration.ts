const unitNanos: Readonly<Record<string, bigint>> = {
  ns: 1n,
  us: 1_000n,
  µs: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
  w: 604_800_000_000_000n,
}

/** `1m30s`, `1d`, `500ms` in nanoseconds; undefined when it is none. Source: compose-spec, "Specifying durations". */
export function parseDuration(text: string): bigint | undefined {
  if (text === '0') return 0n
  if (!/^(\d+(\.\d+)?(ns|us|µs|ms|s|m|h|d|w))+$/.test(text)) return undefined
  let total = 0n
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d|w)/g))
    total += BigInt(Math.round(Number(amount) * Number(unitNanos[unit ?? ''] ?? 1n)))
  return total
}

/** As Go prints durations: `1m30s`, `500ms`, `0s`. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s'
  for (const unit of ['ns', 'µs', 'ms']) {
    const size = unitNanos[unit] ?? 1n
    if (nanos < size * 1000n) return `${Number(nanos) / Number(size)}${unit}`
  }
  const seconds = Number(nanos % 60_000_000_000n) / 1e9
  const minutes = nanos / 60_000_000_000n
  const hours = minutes / 60n
  if (minutes === 0n) return `${seconds}s`
  return hours === 0n ? `${minutes}m${seconds}s` : `${hours}h${minutes % 60n}m${seconds}s`
}
