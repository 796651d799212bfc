import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER [CONTAINER...]'],
  summary: 'Block until one or more containers stop, then print their exit codes',
  arguments: [1, Infinity],
  flags,
  async run({ args }, context) {
    const { containers } = await context.engine()
    return await eachName(args, context, async (name) =>
      String(await containers.wait(name, { signal: context.signal })),
    )
  },
})
