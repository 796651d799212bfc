import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'

const flags = {
  force: toggle('Accepted for compatibility', { short: 'f', hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NETWORK CONTAINER'],
  summary: 'Disconnect a container from a network',
  arguments: [2, 2],
  flags,
  async run({ args: [network = '', container = ''] }, context) {
    const { networks } = await context.engine()
    await networks.disconnect(network, container)
    return 0
  },
})
