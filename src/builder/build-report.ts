import type { BuildReportText } from '../store/reports.ts'
import type { BuildReport, StepReport } from './build.ts'

/** Differences that are kept of a step: the first ones tell, and a report must stay small. */
const mostDifferences = 100

/** The report of a build, to be kept with its image. */
export function writeReport(scope: string, report: BuildReport): BuildReportText {
  return { scope, text: JSON.stringify({ ...report, steps: report.steps.map(shortened) }) }
}

export function readReport({ text }: BuildReportText): BuildReport {
  return JSON.parse(text) as BuildReport
}

function shortened(step: StepReport): StepReport {
  const { miss } = step
  if (miss === undefined || miss.differences.length <= mostDifferences) return step
  const { differences, more = 0 } = miss
  const left = more + differences.length - mostDifferences
  return { ...step, miss: { ...miss, differences: differences.slice(0, mostDifferences), more: left } }
}
