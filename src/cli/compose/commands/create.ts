import { createProject } from '../../../compose/run/up.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'
import { parseScales, upFlags, upOptions } from '../up-flags.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Creates containers for a service',
  arguments: [0, Infinity],
  flags: upFlags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args, { dependencies: true })
    const parts = await composeParts(context, { quietBuild: flags['quiet-build'] })
    await createProject(parts, project, upOptions(flags, project, args, parseScales(flags.scale)))
    return 0
  },
})
