import type { Observed } from '../../compose/run/observed.ts'
import type { ServiceLine } from '../../compose/run/read-logs.ts'
import { nanoTime } from '../../util/nano-time.ts'
import { batchOutput } from '../batched-output.ts'
import type { CommandContext } from '../command.ts'

export interface LineOptions {
  readonly prefix: boolean
  readonly color: boolean
  readonly timestamps: boolean
}

export interface LinePrinter {
  print(line: ServiceLine): Promise<void> | undefined
  /** `web-1 exited with code 0`. */
  say(container: Observed, text: string): Promise<void> | undefined
  flush(): Promise<void>
}

const colors = [36, 33, 32, 35, 34]

/** Prints lines of several containers with their names in front, in columns: `web-1  | hello`. */
export function linePrinter(
  project: string,
  containers: readonly Observed[],
  { io }: CommandContext,
  options: LineOptions,
): LinePrinter {
  const output = batchOutput(io)
  const names = containers.map(({ name }) => shortName(project, name))
  const width = Math.max(0, ...names.map((name) => name.length)) + 1
  const painted = (text: string, container: Observed): string => {
    if (!options.color || io.stdout.isTTY !== true) return text
    const index = containers.findIndex(({ id }) => id === container.id)
    return `\x1b[${colors[index % colors.length]}m${text}\x1b[0m`
  }
  const write = (container: Observed, text: Buffer, head: string): Promise<void> | undefined => {
    const name = shortName(project, container.name).padEnd(width)
    const prefix = options.prefix ? painted(`${name} | `, container) : ''
    const end = text.at(-1) === 10 ? '' : '\n'
    return output.write('stdout', Buffer.concat([Buffer.from(prefix + head), text, Buffer.from(end)]))
  }
  return {
    print: ({ container, text, time }) =>
      write(container, text, options.timestamps ? `${nanoTime(time)} ` : ''),
    say(container, text) {
      return output.write(
        'stdout',
        Buffer.from(`${painted(shortName(project, container.name), container)} ${text}\n`),
      )
    },
    flush: output.flush,
  }
}

/** `shop-web-1` of the project `shop` is `web-1`. */
function shortName(project: string, name: string): string {
  return name.startsWith(`${project}-`) ? name.slice(project.length + 1) : name
}
