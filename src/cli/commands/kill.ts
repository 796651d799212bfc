import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { text } from '../flags/flag.ts'

const flags = {
  signal: text('Signal to send to the container', { short: 's' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Kill one or more running containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    return await eachName(args, context, async (name) => {
      await containers.kill(name, flags.signal ?? 'SIGKILL')
      return name
    })
  },
})
