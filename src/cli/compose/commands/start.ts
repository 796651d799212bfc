import { listContainers } from '../../../compose/run/observed.ts'
import { inOrder } from '../../../compose/run/order.ts'
import { startService } from '../../../compose/run/start.ts'
import { startedAndHealthy } from '../../../compose/run/wait-running.ts'
import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  wait: toggle('Wait for services to be running|healthy. Implies detached mode.'),
  'wait-timeout': integer('Maximum duration in seconds to wait for the project to be running|healthy'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Start services',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    const present = new Set((await listContainers(parts, project.name)).map(({ service }) => service))
    const missing = Object.keys(project.services).find((name) => !present.has(name))
    if (missing !== undefined)
      throw failure('COMPOSE_FAILED', { reason: `service "${missing}" has no container to start` })
    await inOrder(project, (name) => startService(parts, project, name))
    if (flags.wait) await startedAndHealthy(parts, project, flags['wait-timeout'])
    return 0
  },
})
