import type { ExecSpec } from '../runtime.ts'

/** Commands that a container is asked by how it is. Times are milliseconds. */
export interface HealthCheck {
  readonly process: Omit<ExecSpec, 'stdin'>
  readonly interval: number
  readonly timeout: number
  /** From the container's start: failures do not count, and probes come every `startInterval`, until one succeeds. */
  readonly startPeriod: number
  readonly startInterval: number
  readonly startedAt: number
  readonly retries: number
  /** argv that is called with the new status behind. */
  readonly onChange: readonly string[]
}

export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy'
  readonly failingStreak: number
  /** The process that runs the probes; 0 when there is none. */
  readonly pid: number
  /** The last five, oldest first. */
  readonly log: readonly ProbeResult[]
}

export interface ProbeResult {
  /** Milliseconds since the epoch, with fractions. */
  readonly start: number
  readonly end: number
  /** -1: it took too long. */
  readonly exitCode: number
  /** At most its first 4096 bytes. */
  readonly output: string
}
