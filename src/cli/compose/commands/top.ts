import { listContainers } from '../../../compose/run/observed.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { alignColumns } from '../../format/align-columns.ts'
import { chooseProject } from '../choose-project.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[SERVICES...]'],
  summary: 'Display the running processes',
  arguments: [0, Infinity],
  flags: {},
  async run({ args }, context) {
    const project = await chooseProject(context, args)
    const engine = await context.engine()
    const lines: string[][] = []
    for (const { id, service, number } of await listContainers({ engine }, project.name, { all: false })) {
      if (!Object.hasOwn(project.services, service)) continue
      const { titles, rows } = await engine.containers.top(id)
      if (lines.length === 0) lines.push(['SERVICE', '#', ...titles])
      for (const row of rows) lines.push([service, String(number), ...row])
    }
    if (lines.length === 0) return 0
    context.io.stdout.write(`${alignColumns(lines.map((line) => line.join('\t')).join('\n'), 0, 2)}\n`)
    return 0
  },
})
