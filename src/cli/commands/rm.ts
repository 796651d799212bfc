import { type AnyCommand, defineCommand } from '../command.ts'
import { eachName } from '../each-name.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  force: toggle('Force the removal of a running container (uses SIGKILL)', { short: 'f' }),
  volumes: toggle('Remove anonymous volumes associated with the container', { short: 'v' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Remove one or more containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    const remove = async (name: string): Promise<string> => {
      await containers.remove(name, { force: flags.force, volumes: flags.volumes })
      return name
    }
    // with force a container that is not there is what was asked for
    return await eachName(args, context, remove, { mayBeMissing: flags.force })
  },
})
