/** Go's zero time: what has not happened. */
export const zeroTime = '0001-01-01T00:00:00Z'

/** Milliseconds as RFC 3339 in UTC; 0 is Go's zero time. */
export function wireTime(milliseconds: number): string {
  return milliseconds === 0 ? zeroTime : new Date(milliseconds).toISOString()
}
