import type { BuildResult, StepReport } from '../../builder/build.ts'
import { humanSize } from '../../util/human-size.ts'
import { alignColumns } from '../format/align-columns.ts'
import { ellipsis } from './history-rows.ts'
import { oneLine } from '../format/one-line.ts'
import { numberedSteps } from './why-lines.ts'

type Timed = Pick<BuildResult, 'steps' | 'times'>

const longestName = 60

/** A row for each step, and below how they make up the whole time. */
export function profileLines(result: Timed): string {
  const rows = numberedSteps(result.steps).map((step) => {
    const { number, name, begun, milliseconds, cpu, bytes, cached, critical } = step
    const mark = critical === true ? '*' : ' '
    const cells = [
      `${mark} #${number} ${ellipsis(oneLine(name), longestName)}`,
      seconds(begun),
      seconds(milliseconds),
      cpu === undefined ? '' : seconds(cpu),
      bytes === 0 ? '' : humanSize(bytes, 3),
      cached ? 'CACHED' : '',
    ]
    return cells.join('\t')
  })
  const table = alignColumns(['  STEP\tSTART\tTIME\tCPU\tADDED\t', ...rows].join('\n'), 0)
  const lines = table.split('\n').map((line) => line.trimEnd())
  return [...lines, '', ...sums(result)].map((line) => `${line}\n`).join('')
}

/** The sums, so rounded that they add up. */
function sums({ steps, times }: Timed): string[] {
  const phases = times.phases.map(({ name, begun, milliseconds }) => {
    const rounded = Math.round(begun + milliseconds) - Math.round(begun)
    return `${name} ${seconds(rounded)}`
  })
  const critical = addUp(steps.filter(({ critical }) => critical === true))
  const cpu = steps.flatMap((step) => step.cpu ?? [])
  const used = cpu.reduce((sum, one) => sum + one, 0)
  return [
    `total ${seconds(times.total)} = ${phases.join(' + ')}`,
    `steps: ${seconds(addUp(steps))} added up, ${seconds(busyTime(steps))} with one or more at work, * ${seconds(critical)} on the critical path`,
    `CPU: ${seconds(used)} in RUN steps, ${seconds(times.cpu)} in mille`,
  ]
}

function addUp(steps: readonly StepReport[]): number {
  return steps.reduce((sum, { milliseconds }) => sum + milliseconds, 0)
}

/** How long at least one step was at work. */
function busyTime(steps: readonly Pick<StepReport, 'begun' | 'milliseconds'>[]): number {
  let busy = 0
  let until = 0
  for (const { begun, milliseconds } of steps.toSorted((a, b) => a.begun - b.begun)) {
    const end = begun + milliseconds
    busy += Math.max(0, end - Math.max(begun, until))
    until = Math.max(until, end)
  }
  return busy
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(3)}s`
}
