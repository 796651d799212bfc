import { type AnyCommand, defineCommand } from '../command.ts'
import { printTree } from '../rows/tree-rows.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: [''],
  summary: 'Show which image is built on which',
  arguments: [0, 0],
  flags,
  async run(_, context) {
    const engine = await context.engine()
    context.io.stdout.write(printTree(await engine.images.tree()))
    return 0
  },
})
