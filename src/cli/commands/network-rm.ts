import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  force: toggle('Do not error if the network does not exist', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['NETWORK [NETWORK...]'],
  summary: 'Remove one or more networks',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { networks } = await context.engine()
    return await eachName(args, context, async (name) => {
      await networks.remove(name).catch((error: unknown) => {
        if (!flags.force || !isMilleError(error, 'NO_SUCH_NETWORK')) throw error
      })
      return name
    })
  },
})
