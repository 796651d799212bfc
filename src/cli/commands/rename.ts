import { type AnyCommand, defineCommand } from '../command.ts'
import { errorLine } from '../report-error.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER NEW_NAME'],
  summary: 'Rename a container',
  arguments: [2, 2],
  flags,
  async run({ args: [name = '', newName = ''] }, context) {
    const { containers } = await context.engine()
    try {
      await containers.rename(name, newName)
      return 0
    } catch (error) {
      context.io.stderr.write(`${errorLine(error)}\nError: failed to rename container named ${name}\n`)
      return 1
    }
  },
})
