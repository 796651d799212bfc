import { downProject } from '../../../compose/run/down.ts'
import { listContainers } from '../../../compose/run/observed.ts'
import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = { 'down-project': toggle('Drops project when the first container stops') }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SERVICE [SERVICE...]'],
  summary: 'Block until containers of all (or specified) services stop.',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context)
    const parts = await composeParts(context)
    const containers = (await listContainers(parts, project.name, { all: false })).filter(({ service }) =>
      args.includes(service),
    )
    if (containers.length === 0)
      throw failure('COMPOSE_FAILED', { reason: `no containers for project "${project.name}"` })
    const ended = containers.map(async ({ id, name }) => {
      const code = await parts.engine.containers.wait(id, { signal: context.signal })
      context.io.stdout.write(`container "${name}" exited with status code ${code}\n`)
      return code
    })
    if (!flags['down-project']) return (await Promise.all(ended)).findLast((code) => code !== 0) ?? 0
    const code = await Promise.race(ended)
    await downProject(parts, project, {})
    await Promise.allSettled(ended)
    return code
  },
})
