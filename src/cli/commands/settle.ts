import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'

const flags = {}

/** Not for people: the monitor of a container calls it when the container ended and no other mille waits for it. */
export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER'],
  summary: 'Record the end of a container, and remove it if that was asked for',
  arguments: [1, 1],
  flags,
  async run({ args: [id = ''] }, context) {
    const { containers } = await context.engine()
    try {
      // to look at a container is to settle it: its exit is recorded, its network given back, `--rm` obeyed
      await containers.inspect(id)
    } catch (error) {
      if (!isMilleError(error, 'NO_SUCH_CONTAINER')) throw error
    }
    return 0
  },
})
