import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

/** Not for people: starts a container whose restart policy wants that, when the time to wait is over. */
export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER'],
  summary: 'Start a container again as its restart policy wants',
  arguments: [1, 1],
  flags,
  async run({ args: [id = ''] }, context) {
    const { containers } = await context.engine()
    try {
      await containers.revive(id)
    } catch (error) {
      if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
    }
    return 0
  },
})
