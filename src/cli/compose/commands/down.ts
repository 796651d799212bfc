import { downProject } from '../../../compose/run/down.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, parsed, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

function parseKind(word: string): 'all' | 'local' {
  if (word === 'all' || word === 'local') return word
  throw new Error('must be "local" or "all"')
}

const flags = {
  'remove-orphans': toggle('Remove containers for services not defined in the Compose file'),
  rmi: parsed(
    'Remove images used by services. "local" remove only images that don\'t have a custom tag ("local"|"all")',
    parseKind,
  ),
  timeout: integer('Specify a shutdown timeout in seconds', { short: 't' }),
  volumes: toggle(
    'Remove named volumes declared in the "volumes" section of the Compose file and anonymous volumes attached to containers',
    { short: 'v' },
  ),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICES]'],
  summary: 'Stop and remove containers, networks',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    await downProject(await composeParts(context), project, {
      removesOrphans: flags['remove-orphans'],
      volumes: flags.volumes,
      images: flags.rmi,
      timeout: flags.timeout,
      ...(args.length > 0 && { services: args }),
    })
    return 0
  },
})
