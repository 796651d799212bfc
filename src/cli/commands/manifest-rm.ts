import { type AnyCommand, defineCommand } from '../command.ts'
import { errorLine } from '../report-error.ts'

export const command: AnyCommand = defineCommand({
  usage: ['MANIFEST_LIST [MANIFEST_LIST...]'],
  summary: 'Delete one or more manifest lists from local storage',
  arguments: [1, Infinity],
  flags: {},
  async run({ args }, context) {
    const { manifests } = await context.engine()
    let code = 0
    for (const name of args) {
      try {
        await manifests.removeDraft(name)
      } catch (error) {
        context.io.stderr.write(`${errorLine(error)}\n`)
        code = 1
      }
    }
    return code
  },
})
