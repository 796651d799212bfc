import type { BuildEvent } from '../../builder/build.ts'
import type { SendLine } from '../http/json-lines.ts'

type Planned = Extract<BuildEvent, { readonly type: 'plan' }>['steps'][number]

interface Step {
  readonly title: string
  /** What it said before its turn came. */
  readonly held: string[]
  heldBytes: number
  end?: 'cached' | 'done' | 'failed'
}

/** Of a step that waits for its turn, bytes of output that are kept; the newest of more are left out. */
const mostHeld = 1024 * 1024

export interface StepLines {
  onEvent(event: BuildEvent): void
  /** Shows what steps that were cut short have said. */
  finish(): void
}

/**
 * A build as Docker's classic builder tells it: `Step 1/3 : RUN make`, its output, ` ---> Using cache`. Steps that run at
 * the same time are told one after the other, in the order of the plan.
 */
export function stepLines(line: SendLine): StepLines {
  const steps = new Map<string, Step>()
  let waiting: Step[] = []
  const stream = (text: string): void => line({ stream: text })

  const plan = (planned: readonly Planned[]): void => {
    const numbers = planned.map((_, index) => `Step ${index + 1}/${planned.length} : `)
    for (const [index, { id, name, platform }] of planned.entries()) {
      const title = `${numbers[index]}${platform === undefined ? '' : `[${platform}] `}${name}`
      steps.set(id, { title, held: [], heldBytes: 0 })
    }
    waiting = [...steps.values()]
    announce()
  }
  const announce = (): void => {
    const [current] = waiting
    if (current === undefined) return
    stream(current.title)
    stream('\n')
    for (const text of current.held.splice(0)) stream(text)
  }
  const end = (step: Step, how: NonNullable<Step['end']>): void => {
    step.end = how
    while (waiting[0]?.end !== undefined) {
      const [first] = waiting.splice(0, 1)
      if (first?.end === 'cached' && !first.title.includes(' : FROM ')) stream(' ---> Using cache\n')
      if (first?.end === 'failed') waiting = []
      announce()
    }
  }
  const say = (step: Step, text: string): void => {
    if (step === waiting[0]) stream(text)
    else if (step.heldBytes < mostHeld) {
      step.held.push(text)
      step.heldBytes += text.length
    }
  }

  return {
    onEvent(event) {
      if (event.type === 'plan') return plan(event.steps)
      if (event.type === 'warning') return stream(`[Warning] ${event.rule}: ${event.message}\n`)
      const step = steps.get(event.step)
      if (step === undefined) return
      if (event.type === 'output') say(step, event.chunk.toString())
      else if (event.type === 'done') end(step, event.cached ? 'cached' : 'done')
      else if (event.type === 'error') end(step, 'failed')
    },
    finish() {
      for (const text of waiting.flatMap(({ held }) => held)) stream(text)
    },
  }
}
