import { setTimeout as sleep } from 'node:timers/promises'

export interface RetryPolicy {
  readonly attempts: number
  /** Milliseconds. */
  readonly delay: number
  readonly maxDelay: number
  /** Longest silence of a server, milliseconds. */
  readonly stall: number
}

const passing: ReadonlySet<number> = new Set([408, 429, 499, 500, 502, 503, 504, 522])

/** Is `status` one that another try may cure? */
export function isPassingStatus(status: number): boolean {
  return passing.has(status)
}

/** Pause before try `attempt` + 1 (from 1), milliseconds: doubled each time, half of it by chance. */
export function backOff(policy: RetryPolicy, attempt: number): number {
  const full = Math.min(policy.delay * 2 ** (attempt - 1), policy.maxDelay)
  return full / 2 + (Math.random() * full) / 2
}

/** Milliseconds that a Retry-After header asks for: seconds or a date. Source: RFC 9110, 10.2.3. */
export function retryAfter(header: string | undefined, now: number = Date.now()): number | undefined {
  if (header === undefined) return undefined
  if (/^\d{1,10}$/.test(header)) return Number(header) * 1000
  // Date.parse reads far more than HTTP dates: `-1` is a year to it
  const date = header.endsWith(' GMT') ? Date.parse(header) : Number.NaN
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}

/** One for each host: when the registry asks for a pause, all requests to it wait, not only the one that was told. */
export class HostGate {
  #until = 0

  /** `milliseconds` from now on nobody passes. Monotonic time. */
  close(milliseconds: number): void {
    this.#until = Math.max(this.#until, performance.now() + milliseconds)
  }

  async pass(signal: AbortSignal | undefined): Promise<void> {
    for (;;) {
      signal?.throwIfAborted()
      const wait = this.#until - performance.now()
      if (wait <= 0) return
      await pause(wait, signal)
    }
  }
}

/** Ends early with the signal's reason. */
export async function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {})
  } catch (error) {
    signal?.throwIfAborted()
    throw error
  }
}
