import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

/** Not for people: the process that runs the health checks of a container calls it when their result changes. */
export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER STATUS'],
  summary: 'Tell that the health of a container changed',
  arguments: [2, 2],
  flags,
  async run({ args: [id = '', status = ''] }, context) {
    const { containers } = await context.engine()
    try {
      await containers.tellHealth(id, status)
    } catch (error) {
      if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
    }
    return 0
  },
})
