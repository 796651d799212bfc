import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  force: toggle('Force the removal of one or more volumes', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] VOLUME [VOLUME...]'],
  summary: 'Remove one or more volumes. You cannot remove a volume that is in use by a container.',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { volumes } = await context.engine()
    return await eachName(args, context, async (name) => {
      await volumes.remove(name, { force: flags.force })
      return name
    })
  },
})
