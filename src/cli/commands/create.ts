import { type AnyCommand, defineCommand } from '../command.ts'
import { containerFlags } from '../container/container-flags.ts'
import { containerRequest } from '../container/container-request.ts'
import { createContainer } from '../container/create-container.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [COMMAND] [ARG...]'],
  summary: 'Create a new container',
  arguments: [1, Infinity],
  flags: containerFlags,
  stopAtArgument: true,
  async run({ flags, args }, context) {
    const request = await containerRequest(flags, args, context.env)
    const id = await createContainer(
      request,
      { pull: flags.pull ?? 'missing', quiet: flags.quiet, cidfile: flags.cidfile },
      context,
    )
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})
