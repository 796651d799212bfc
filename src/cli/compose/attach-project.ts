import type { Project } from '../../compose/model/project.ts'
import { followLogs } from '../../compose/run/read-logs.ts'
import { ofService, type Observed } from '../../compose/run/observed.ts'
import { inOrder } from '../../compose/run/order.ts'
import type { ComposeParts } from '../../compose/run/parts.ts'
import { stopContainer } from '../../compose/run/stop.ts'
import type { CommandContext } from '../command.ts'
import { linePrinter } from './print-lines.ts'

export interface AttachOptions {
  /** Services whose lines are shown. */
  readonly shown: readonly string[]
  /** Nanoseconds since the epoch. */
  readonly since: bigint
  readonly prefix: boolean
  readonly color: boolean
  readonly timestamps: boolean
  readonly abortsOn: 'exit' | 'failure' | 'never'
  /** The service whose exit code is that of the command. */
  readonly codeFrom: string | undefined
  readonly timeout: number | undefined
}

/** Shows what the containers say until all have ended, one ends that matters, or the user interrupts: then all are stopped. */
export async function attachProject(
  parts: ComposeParts,
  project: Project,
  containers: readonly Observed[],
  context: CommandContext,
  options: AttachOptions,
): Promise<number> {
  const shown = containers.filter(({ service }) => options.shown.includes(service))
  const printer = linePrinter(project.name, shown, context, options)
  const aborted = new AbortController()
  const following: ComposeParts = { ...parts, signal: AbortSignal.any([context.signal, aborted.signal]) }
  let first: { readonly container: Observed; readonly code: number } | undefined
  const codes = new Map<string, number>()
  context.io.stdout.write(
    `Attaching to ${shown.map(({ name }) => name.replace(`${project.name}-`, '')).join(', ')}\n`,
  )
  const watched = options.abortsOn === 'never' ? shown : containers
  await Promise.all(
    watched.map(async (container) => {
      const isShown = shown.includes(container)
      const code = await followLogs(following, container, { since: options.since }, (line) =>
        isShown ? printer.print(line) : undefined,
      )
      if (code === undefined) return
      codes.set(container.service, code)
      if (isShown) await printer.say(container, `exited with code ${code}`)
      const isEnd = options.abortsOn === 'exit' || (options.abortsOn === 'failure' && code !== 0)
      if (isEnd && first === undefined) {
        first = { container, code }
        aborted.abort()
      }
    }),
  )
  await printer.flush()
  if (context.signal.aborted) context.io.stderr.write('Gracefully Stopping... press Ctrl+C again to force\n')
  else if (options.abortsOn !== 'never') context.io.stderr.write('Aborting on container exit...\n')
  if (context.signal.aborted || aborted.signal.aborted) {
    await inOrder(
      project,
      async (name) => {
        await Promise.all(
          ofService(containers, name).map((one) => stopContainer(parts, project, one, options.timeout)),
        )
      },
      { reverse: true },
    )
  }
  if (options.codeFrom !== undefined) {
    const [container] = ofService(containers, options.codeFrom)
    const code = codes.get(options.codeFrom)
    if (code !== undefined || container === undefined) return code ?? 1
    return (await parts.engine.containers.inspect(container.id)).state.exitCode
  }
  return first?.code ?? 0
}
