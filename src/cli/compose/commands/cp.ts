import { listContainers, ofService } from '../../../compose/run/observed.ts'
import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { command as copy } from '../../commands/cp.ts'
import { parseCopyPath } from '../../copy/copy-paths.ts'
import { integer, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  all: toggle('Include containers created by the run command'),
  archive: toggle('Archive mode (copy all uid/gid information)', { short: 'a' }),
  'follow-link': toggle('Always follow symbol link in SRC_PATH', { short: 'L' }),
  index: integer('Index of the container if service has multiple replicas'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SERVICE:SRC_PATH DEST_PATH|-', '[OPTIONS] SRC_PATH|- SERVICE:DEST_PATH'],
  summary: 'Copy files/folders between a service container and the local filesystem',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [from = '', to = ''], given }, context) {
    const [source, target] = [parseCopyPath(from), parseCopyPath(to)]
    const service = source.container ?? target.container
    if (service === undefined) throw failure('COMPOSE_FAILED', { reason: 'unknown copy direction' })
    const project = await chooseProject(context, [service])
    const parts = await composeParts(context)
    const all = ofService(await listContainers(parts, project.name, { oneOff: flags.all }), service)
    const chosen = all.filter(({ number }) => flags.index === undefined || number === flags.index)
    if (chosen.length === 0)
      throw failure('COMPOSE_FAILED', { reason: `no container found for service "${service}"` })
    // out of one, into all
    const containers = source.container === undefined ? chosen : chosen.slice(0, 1)
    for (const { name } of containers) {
      const args =
        source.container === undefined ? [from, `${name}:${target.path}`] : [`${name}:${source.path}`, to]
      parts.report('Container', name, 'Copying')
      const call = { flags: { archive: flags.archive, 'follow-link': flags['follow-link'] }, args, given }
      await copy.run(call as never, context)
      parts.report('Container', name, 'Copied')
    }
    return 0
  },
})
