import { type AnyCommand, defineCommand } from '../command.ts'
import { alignColumns } from '../format/align-columns.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER [ps OPTIONS]'],
  summary: 'Display the running processes of a container',
  arguments: [1, Infinity],
  flags,
  stopAtArgument: true,
  async run({ args: [name = '', ...options] }, context) {
    const { containers } = await context.engine()
    const { titles, rows } = await containers.top(name, options)
    const lines = [titles, ...rows].map((cells) => cells.join('\t'))
    context.io.stdout.write(`${alignColumns(lines.join('\n'), 20)}\n`)
    return 0
  },
})
