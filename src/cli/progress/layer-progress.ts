import { humanSize } from '../../util/human-size.ts'
import type { ProgressEvent } from '../../util/progress.ts'
import type { OutputStream } from '../command.ts'

/** Shows the layers of a pull, push or load while they move. */
export interface LayerProgress {
  report(event: ProgressEvent): void
  /** Draws the last state; nothing is drawn afterwards. */
  finish(): void
}

/** A line for each layer on a terminal, else a line at each change of status (not for every byte). */
export function layerProgress(output: OutputStream): LayerProgress {
  return output.isTTY ? terminalProgress(output) : plainProgress(output)
}

function plainProgress(output: OutputStream): LayerProgress {
  return {
    report({ id, status, current }) {
      if (current === undefined) output.write(`${id === undefined ? '' : `${id}: `}${status}\n`)
    },
    finish() {},
  }
}

const frameMilliseconds = 50

function terminalProgress(output: OutputStream): LayerProgress {
  const lines = new Map<string, ProgressEvent>()
  let drawn = 0
  let timer: NodeJS.Timeout | undefined
  const draw = (): void => {
    timer = undefined
    const height = Math.max(1, (output.rows || 24) - 1)
    const shown = [...lines.values()].slice(-height)
    const width = output.columns || 80
    const text = shown.map((event) => `\x1b[2K${layerLine(event, width)}\n`).join('')
    output.write(`${drawn > 0 ? `\x1b[${drawn}A` : ''}${text}`)
    drawn = shown.length
  }
  return {
    report(event) {
      lines.set(event.id ?? event.status, event)
      timer ??= setTimeout(draw, frameMilliseconds)
    },
    finish() {
      if (timer === undefined) return
      clearTimeout(timer)
      draw()
    },
  }
}

/** `abc: Downloading [=====>    ]  1.2MB/3.4MB`, cut to `width`. */
export function layerLine(event: ProgressEvent, width: number): string {
  const { id, status, current, total } = event
  const head = `${id === undefined ? '' : `${id}: `}${status}`
  if (current === undefined) return head.slice(0, width)
  if (!total) return `${head}  ${humanSize(current)}`.slice(0, width)
  const done = Math.min(50, Math.trunc((current / total) * 50))
  const bar = width > 110 ? `[${'='.repeat(done)}>${' '.repeat(50 - done)}] ` : ''
  return `${head} ${bar} ${humanSize(current)}/${humanSize(total)}`.slice(0, width)
}
