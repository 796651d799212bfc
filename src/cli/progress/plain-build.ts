import type { BuildEvent } from '../../builder/build.ts'
import type { OutputStream } from '../command.ts'
import { errorSummary } from './build-error.ts'
import type { BuildView } from './build-progress.ts'
import { warningsText } from './build-warnings.ts'
import { BuildState, secondsText, type StepState, titleOf } from './build-state.ts'

/** How long a step's title waits for the reason of its miss, which is found while the step is looked up. */
const titleDelay = 100

/** BuildKit's plain log: `#5 [2/4] RUN make`, `#5 0.123 output`, `#5 DONE 0.2s`. Only appends, for logs and pipes. */
export function plainBuild(output: OutputStream, expanded: boolean): BuildView {
  const state = new BuildState()
  const titled = new Map<string, NodeJS.Timeout | 'printed'>()
  let last = 0

  const print = (step: StepState, text: string): void => {
    if (last !== 0 && last !== step.number) output.write('\n')
    last = step.number
    output.write(`#${step.number} ${text}\n`)
  }
  const title = (step: StepState): void => {
    const known = titled.get(step.id)
    if (known === 'printed') return
    clearTimeout(known)
    titled.set(step.id, 'printed')
    print(step, titleOf(step))
  }

  const onEvent = (event: BuildEvent): void => {
    const lines = state.apply(event)
    if (event.type === 'plan' || event.type === 'warning') return
    const step = state.steps.get(event.step)
    if (!step) return
    if (event.type === 'start') {
      titled.set(step.id, setTimeout(title, titleDelay, step))
      return
    }
    if (event.type === 'miss') {
      if (titled.get(step.id) === 'printed') print(step, `not cached: ${event.miss.summary}`)
      return
    }
    title(step)
    for (const line of lines) print(step, `${(line.time / 1000).toFixed(3)} ${line.text}`)
    if (event.type === 'done') {
      print(step, event.cached ? 'CACHED' : `DONE ${secondsText(step.endedAt - step.startedAt)}`)
    } else if (event.type === 'note') print(step, event.text)
    else if (event.type === 'error') print(step, `ERROR: ${errorSummary(event.message)}`)
    else if (event.type === 'progress' && event.current === undefined) print(step, event.status)
  }

  return {
    onEvent,
    finish() {
      for (const timer of titled.values()) if (timer !== 'printed') clearTimeout(timer)
      output.write(warningsText(state.warnings, { expanded, coloured: false }))
    },
  }
}
