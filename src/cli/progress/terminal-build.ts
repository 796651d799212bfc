import type { OutputStream } from '../command.ts'
import type { BuildView } from './build-progress.ts'
import { warningsText } from './build-warnings.ts'
import { BuildState, secondsText, type StepState, titleOf } from './build-state.ts'

const frameMilliseconds = 80
const tailLines = 6

/** A live view: one line for each step with its time, below the running ones the newest output. Redrawn in one write. */
export function terminalBuild(output: OutputStream, expanded: boolean): BuildView {
  const state = new BuildState()
  const start = performance.now()
  let drawn = 0

  const draw = (final: boolean): void => {
    const width = Math.max(20, output.columns || 80)
    const height = final ? Infinity : Math.max(4, (output.rows || 24) - 1)
    const lines = buildLines(state, { elapsed: performance.now() - start, width, height, final })
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    output.write(`\x1b[?25l${up}\r${lines.map((line) => `${line}\x1b[K\n`).join('')}\x1b[J\x1b[?25h`)
    drawn = lines.length
  }
  const timer = setInterval(draw, frameMilliseconds, false)
  timer.unref()

  return {
    onEvent(event) {
      state.apply(event)
    },
    finish() {
      clearInterval(timer)
      draw(true)
      output.write(warningsText(state.warnings, { expanded, coloured: true }))
    },
  }
}

interface Frame {
  readonly elapsed: number
  readonly width: number
  readonly height: number
  readonly final: boolean
}

/** The lines of one frame, at most `height`: running steps matter most, then the newest finished ones. */
export function buildLines(state: BuildState, frame: Frame): string[] {
  const started = [...state.steps.values()]
    .filter(({ number }) => number > 0)
    .sort((a, b) => a.number - b.number)
  const end = frame.final ? ' FINISHED' : ''
  const head = `[+] Building ${secondsText(frame.elapsed)} (${state.finished}/${state.steps.size})${end}`
  const running = started.filter(({ phase }) => phase === 'running')
  const room = frame.height - 1
  const each = Math.max(
    0,
    Math.min(tailLines, Math.trunc((room - running.length) / Math.max(1, running.length))),
  )
  const blocks = started.map((step) => ({ step, lines: stepLines(step, frame, each) }))
  let total = blocks.reduce((sum, { lines }) => sum + lines.length, 0)
  const shown = blocks.filter(({ step, lines }) => {
    if (total <= room || step.phase === 'running') return true
    total -= lines.length
    return false
  })
  return [head.slice(0, frame.width), ...shown.flatMap(({ lines }) => lines).slice(-room)]
}

function stepLines(step: StepState, { elapsed, width, final }: Frame, tail: number): string[] {
  const time = secondsText((step.phase === 'running' ? elapsed : step.endedAt) - step.startedAt)
  const mark = step.phase === 'cached' ? 'CACHED ' : step.phase === 'failed' ? 'ERROR ' : ''
  const status = step.status === '' ? '' : `  ${step.status}`
  const text = visible(` => ${mark}${titleOf(step)}${status}`)
  const room = width - time.length - 1
  const line = `${text.length > room ? `${text.slice(0, room - 1)}…` : text.padEnd(room)} ${time}`
  const notes = step.notes.map((note) => ` => => ${visible(note)}`.slice(0, width))
  if (notes.length > 0) return [line, ...notes]
  const shown =
    step.phase === 'running' && !final ? step.tail.slice(-tail) : step.phase === 'failed' ? step.tail : []
  if (tail === 0 && step.phase === 'running') return [line]
  return [line, ...shown.map((output) => ` => => # ${visible(output)}`.slice(0, width))]
}

/** Output of a step must not move the cursor of the view: escape sequences and control bytes go, tabs become spaces. */
function visible(text: string): string {
  return text
    .replace(/\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]/g, '')
    .replaceAll('\t', '  ')
    .replace(/[\x00-\x1f\x7f-\x9f]/g, '')
}
