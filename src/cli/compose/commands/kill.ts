import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { removeOrphans } from '../../../compose/run/orphans.ts'
import { isMilleError } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { text, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
  signal: text('SIGNAL to send to the container', { short: 's' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Force stop service containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    const kill = async (id: string, name: string): Promise<void> => {
      parts.report('Container', name, 'Killing')
      try {
        await parts.engine.containers.kill(id, flags.signal ?? 'SIGKILL')
      } catch (error) {
        // it has ended meanwhile
        if (!isMilleError(error, 'CONTAINER_NOT_RUNNING', 'CONTAINER_NOT_KILLED')) throw error
      }
      parts.report('Container', name, 'Killed')
    }
    const count = await eachContainer(parts, project, ({ id, name }) => kill(id, name), { all: false })
    if (count === 0) context.io.stderr.write('no container to kill\n')
    if (flags['remove-orphans']) await removeOrphans(parts, project)
    return 0
  },
})
