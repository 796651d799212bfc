import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[SERVICE...]'],
  summary: 'Unpause services',
  arguments: [0, Infinity],
  flags: {},
  async run({ args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    const unpause = async (id: string, name: string): Promise<void> => {
      await parts.engine.containers.unpause(id)
      parts.report('Container', name, 'Unpaused')
    }
    await eachContainer(parts, project, ({ id, name }) => unpause(id, name), { all: false })
    return 0
  },
})
