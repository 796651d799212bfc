import { upProject } from '../../../compose/run/up.ts'
import { watchProject } from '../../../compose/watch/watch-project.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  'no-up': toggle('Do not build & start services before watching'),
  quiet: toggle('hide build output'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[SERVICE...]'],
  summary: 'Watch build context for service and rebuild/refresh containers when files are updated',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args, { dependencies: true })
    const parts = await composeParts(context, { quietBuild: flags.quiet })
    const asked = Object.keys(project.services)
    if (!flags['no-up'])
      await upProject(parts, project, { scales: new Map(), recreate: 'diverged', asked, build: true })
    await watchProject(parts, project, (text) => void context.io.stderr.write(`${text}\n`))
    return 0
  },
})
