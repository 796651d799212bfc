import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[SERVICE...]'],
  summary: 'Pause services',
  arguments: [0, Infinity],
  flags: {},
  async run({ args }, context) {
    const project = await chooseProject(context, args)
    const parts = await composeParts(context)
    const pause = async (id: string, name: string): Promise<void> => {
      await parts.engine.containers.pause(id)
      parts.report('Container', name, 'Paused')
    }
    await eachContainer(parts, project, ({ id, name }) => pause(id, name), { all: false })
    return 0
  },
})
