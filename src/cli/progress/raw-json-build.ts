import type { OutputStream } from '../command.ts'
import type { BuildView } from './build-progress.ts'

/** One JSON object a line for each event; output as text with `chunk` in UTF-8; the last has type `result`. */
export function rawJsonBuild(output: OutputStream): BuildView {
  return {
    onEvent(event) {
      const value = event.type === 'output' ? { ...event, chunk: event.chunk.toString('utf8') } : event
      output.write(`${JSON.stringify(value)}\n`)
    },
    finish(result) {
      if (result) output.write(`${JSON.stringify({ type: 'result', ...result })}\n`)
    },
  }
}
