import type { BuildResult, StepReport } from '../../builder/build.ts'

/** Line 0 has the phases of the build, the others steps: no two of one line at the same time. */
const phaseLine = 0

/**
 * A build in the Trace Event Format, which chrome://tracing and Perfetto show: complete events (`X`), microseconds.
 * Source: "Trace Event Format", Google, section "Complete Events".
 */
export function traceEvents({ steps, times }: Pick<BuildResult, 'steps' | 'times'>): object {
  const lines = spread(steps)
  const event = (
    name: string,
    tid: number,
    span: { readonly begun: number; readonly milliseconds: number },
    rest: object = {},
  ): object => ({ name, ph: 'X', pid: 1, tid, ts: micro(span.begun), dur: micro(span.milliseconds), ...rest })
  const named = (tid: number, name: string): object => ({
    name: 'thread_name',
    ph: 'M',
    pid: 1,
    tid,
    args: { name },
  })
  return {
    displayTimeUnit: 'ms',
    traceEvents: [
      named(phaseLine, 'build'),
      ...Array.from({ length: Math.max(0, ...lines) }, (_, index) => named(index + 1, `steps ${index + 1}`)),
      ...times.phases.map((phase) => event(phase.name, phaseLine, phase)),
      ...steps.map((step, index) => {
        const { name, stage, cached, bytes, cpu, critical = false, miss } = step
        const args = {
          stage,
          cached,
          bytes,
          critical,
          ...(cpu !== undefined && { cpu }),
          ...(miss && { why: miss.summary }),
        }
        return event(name, lines[index] ?? 1, step, { cat: cached ? 'cached' : 'ran', args })
      }),
    ],
  }
}

/** The line of each step, from 1: the first that is free when it begins. */
function spread(steps: readonly StepReport[]): number[] {
  const free: number[] = []
  const lines = new Map<StepReport, number>()
  for (const step of steps.toSorted((a, b) => a.begun - b.begun)) {
    const found = free.findIndex((until) => until <= step.begun)
    const line = found < 0 ? free.length : found
    free[line] = step.begun + step.milliseconds
    lines.set(step, line + 1)
  }
  return steps.map((step) => lines.get(step) ?? 1)
}

function micro(milliseconds: number): number {
  return Math.round(milliseconds * 1000)
}
