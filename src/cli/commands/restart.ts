import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { integer } from '../flags/flag.ts'

const flags = {
  timeout: integer('Seconds to wait before killing the container', { short: 't' }),
  time: integer('As --timeout', { hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Restart one or more containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    return await eachName(args, context, async (name) => {
      const timeout = flags.timeout ?? flags.time
      await containers.restart(name, timeout === undefined ? {} : { timeout })
      return name
    })
  },
})
