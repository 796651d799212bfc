import type { MissDifference, StepReport } from '../../builder/build.ts'
import { oneLine } from '../format/one-line.ts'
import { ellipsis } from './history-rows.ts'

/** A step with its place in the Dockerfile, from 1. */
export interface NumberedStep extends StepReport {
  readonly number: number
}

export function numberedSteps(steps: readonly StepReport[]): NumberedStep[] {
  return steps.map((step, index) => ({ number: index + 1, ...step }))
}

const shownDifferences = 10
const longestValue = 160

/** Each step with why it was or was not cached; `all`: every difference that is known. */
export function whyLines(steps: readonly NumberedStep[], options: { readonly all?: boolean } = {}): string {
  const stages = new Set(steps.map(({ stage }) => stage))
  return steps.map((step) => stepLines(step, stages.size > 1, options.all === true)).join('')
}

function stepLines(step: NumberedStep, showStage: boolean, all: boolean): string {
  const { number, name, stage, cached, miss } = step
  const state = cached ? 'CACHED' : 'RAN'
  const title = `#${number} ${state.padEnd(7)}${showStage ? `[${stage}] ` : ''}${oneLine(name)}`
  if (miss === undefined) return `${title}\n`
  const { reason, summary, differences, advice, more = 0 } = miss
  // that an earlier step has another result is either said already, or no news
  const known = differences.filter(({ kind }) => kind !== 'input')
  const shown = all ? known : known.slice(0, shownDifferences)
  const left = known.length - shown.length + more
  const lines = [
    `${reason}: ${oneLine(summary)}`,
    ...shown.map(differenceLine),
    ...(left > 0 ? [`  and ${left} more`] : []),
    ...(advice === undefined
      ? []
      : [`with the line ${JSON.stringify(advice.line)} at the end of ${advice.file} this step stays cached`]),
  ]
  return [title, ...lines.map((line) => `   ${line}`)].map((line) => `${line}\n`).join('')
}

function differenceLine({ kind, name, before, after }: MissDifference): string {
  const label = oneLine(`${labels[kind] ?? ''}${name}`)
  if (before === undefined) return `  + ${label}${after === undefined ? '' : `: ${valueText(after)}`}`
  if (after === undefined) return `  - ${label}: ${valueText(before)}`
  return `  ~ ${label}: ${valueText(before)} -> ${valueText(after)}`
}

const labels: Partial<Readonly<Record<MissDifference['kind'], string>>> = {
  argument: 'ARG ',
  environment: 'ENV ',
  base: 'base ',
  mount: 'mount ',
}

function valueText(value: string): string {
  return ellipsis(oneLine(value), longestValue)
}
