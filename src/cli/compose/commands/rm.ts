import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { listContainers, type Observed } from '../../../compose/run/observed.ts'
import { removeContainer, stopContainer } from '../../../compose/run/stop.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { toggle } from '../../flags/flag.ts'
import { confirm } from '../../input/confirm.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  force: toggle("Don't ask to confirm removal", { short: 'f' }),
  stop: toggle('Stop the containers, if required, before removing', { short: 's' }),
  volumes: toggle('Remove any anonymous volumes attached to containers', { short: 'v' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Removes stopped service containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    if (flags.stop)
      await eachContainer(parts, project, (one) => stopContainer(parts, project, one), {
        reverse: true,
        all: false,
      })
    const isIdle = ({ details, service }: Observed): boolean =>
      Object.hasOwn(project.services, service) && ['created', 'exited', 'dead'].includes(details.state.status)
    const doomed = (await listContainers(parts, project.name, { oneOff: true })).filter(isIdle)
    if (doomed.length === 0) {
      context.io.stderr.write('No stopped containers\n')
      return 0
    }
    const names = doomed.map(({ name }) => name).join(', ')
    if (flags.force) context.io.stdout.write(`Going to remove ${names}\n`)
    else if (!(await confirm(`? Going to remove ${names}`, context))) return 0
    await Promise.all(doomed.map((one) => removeContainer(parts, one, { volumes: flags.volumes })))
    return 0
  },
})
