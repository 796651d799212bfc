import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { integer, text } from '../flags/flag.ts'

const flags = {
  signal: text('Signal to send to the container', { short: 's' }),
  timeout: integer('Seconds to wait before killing the container', { short: 't' }),
  time: integer('As --timeout', { hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Stop one or more running containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    return await eachName(args, context, async (name) => {
      const timeout = flags.timeout ?? flags.time
      await containers.stop(name, {
        ...(timeout === undefined ? {} : { timeout }),
        ...(flags.signal === undefined ? {} : { stopSignal: flags.signal }),
      })
      return name
    })
  },
})
