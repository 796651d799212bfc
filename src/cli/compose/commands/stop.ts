import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { stopContainer } from '../../../compose/run/stop.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = { timeout: integer('Specify a shutdown timeout in seconds', { short: 't' }) }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Stop services',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    await eachContainer(parts, project, (one) => stopContainer(parts, project, one, flags.timeout), {
      reverse: true,
      all: false,
    })
    return 0
  },
})
