import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER [CONTAINER...]'],
  summary: 'Pause all processes within one or more containers',
  arguments: [1, Infinity],
  flags,
  async run({ args }, context) {
    const { containers } = await context.engine()
    return await eachName(args, context, async (name) => {
      await containers.pause(name)
      return name
    })
  },
})
