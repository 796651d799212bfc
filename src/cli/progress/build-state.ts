import { StringDecoder } from 'node:string_decoder'
import type { BuildEvent, CacheMiss } from '../../builder/build.ts'
import type { BuildWarning } from './build-warnings.ts'

export type StepPhase = 'waiting' | 'running' | 'cached' | 'done' | 'failed'

/** What is known of one step while it is built. Times are milliseconds since the build's start. */
export interface StepState {
  readonly id: string
  /** `[base 2/4] RUN make`. */
  label: string
  /** Order of starting, from 1; 0 while it waits. */
  number: number
  phase: StepPhase
  startedAt: number
  endedAt: number
  miss: CacheMiss | undefined
  status: string
  readonly notes: string[]
  /** The newest whole lines of output, at most `tailLength`. */
  readonly tail: string[]
}

export interface OutputLine {
  readonly step: StepState
  readonly text: string
  readonly time: number
}

const tailLength = 20
/** A line without an end is cut here: output of a step may be anything. */
const longestLine = 16 * 1024

/** Follows the events of one build; all views read it. */
export class BuildState {
  readonly steps: Map<string, StepState> = new Map()
  readonly warnings: BuildWarning[] = []
  readonly #partial = new Map<string, { readonly decoder: StringDecoder; text: string }>()
  #started = 0

  /** Takes an event in; resolves the whole lines an output event completes. */
  apply(event: BuildEvent): readonly OutputLine[] {
    if (event.type === 'plan') {
      this.#plan(event.steps)
      return []
    }
    if (event.type === 'warning') {
      this.warnings.push(event)
      return []
    }
    const step = this.#step(event.step)
    switch (event.type) {
      case 'start':
        if (event.name !== undefined) step.label = event.name
        this.#begin(step, event.time)
        return []
      case 'note':
        step.notes.push(event.text)
        return []
      case 'miss':
        step.miss = event.miss
        return []
      case 'progress':
        step.status = progressText(event)
        return []
      case 'output':
        return this.#output(step, `${event.step} ${event.stream}`, event.chunk, event.time)
      case 'done':
      case 'error': {
        this.#begin(step, event.time)
        const rest = this.#flush(step, event.time)
        step.endedAt = event.time
        step.status = ''
        step.phase = event.type === 'error' ? 'failed' : event.cached ? 'cached' : 'done'
        return rest
      }
    }
  }

  /** How many steps are finished. */
  get finished(): number {
    return [...this.steps.values()].filter(({ phase }) => phase === 'done' || phase === 'cached').length
  }

  #plan(steps: Extract<BuildEvent, { readonly type: 'plan' }>['steps']): void {
    const stages = new Set(steps.map(({ stage }) => stage))
    for (const { id, name, stage, place, platform = '' } of steps) {
      const parts = [platform, stages.size > 1 ? stage : '', place].filter((part) => part !== '')
      const label = `[${parts.join(' ')}] ${name}`
      this.steps.set(id, newStep(id, label))
    }
  }

  #step(id: string): StepState {
    const known = this.steps.get(id)
    if (known) return known
    const step = newStep(id, id)
    this.steps.set(id, step)
    return step
  }

  #begin(step: StepState, time: number): void {
    if (step.number > 0) return
    this.#started += 1
    step.number = this.#started
    step.startedAt = time
    step.phase = 'running'
  }

  #output(step: StepState, key: string, chunk: Buffer, time: number): OutputLine[] {
    const partial = this.#partial.get(key) ?? { decoder: new StringDecoder('utf8'), text: '' }
    this.#partial.set(key, partial)
    partial.text += partial.decoder.write(chunk)
    const lines = partial.text.split('\n')
    partial.text = lines.pop() ?? ''
    if (partial.text.length > longestLine) {
      lines.push(partial.text)
      partial.text = ''
    }
    return lines.map((text) => this.#line(step, text, time))
  }

  #flush(step: StepState, time: number): OutputLine[] {
    return ['stdout', 'stderr'].flatMap((stream) => {
      const key = `${step.id} ${stream}`
      const partial = this.#partial.get(key)
      this.#partial.delete(key)
      return partial === undefined || partial.text === '' ? [] : [this.#line(step, partial.text, time)]
    })
  }

  #line(step: StepState, raw: string, time: number): OutputLine {
    // a bar that redraws itself with carriage returns: only its last state is a line
    const text = raw.replace(/\r$/, '').replace(/^.*\r/, '')
    step.tail.push(text)
    if (step.tail.length > tailLength) step.tail.shift()
    return { step, text, time: time - step.startedAt }
  }
}

function newStep(id: string, label: string): StepState {
  return {
    id,
    label,
    number: 0,
    phase: 'waiting',
    startedAt: 0,
    endedAt: 0,
    miss: undefined,
    status: '',
    notes: [],
    tail: [],
  }
}

function progressText(event: Extract<BuildEvent, { readonly type: 'progress' }>): string {
  if (event.current === undefined || !event.total) return event.status
  return `${event.status} ${Math.trunc((event.current / event.total) * 100)}%`
}

/** `1.2s` */
export function secondsText(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)}s`
}

/** The step with its reason: `[3/4] COPY . . (src/a.ts changed, 1 of 2314 files)`. */
export function titleOf(step: StepState): string {
  return step.miss === undefined ? step.label : `${step.label} (${step.miss.summary})`
}
