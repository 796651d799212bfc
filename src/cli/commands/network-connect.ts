import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text } from '../flags/flag.ts'

const flags = {
  alias: list('Add network-scoped alias for the container'),
  ip: text('IPv4 address (e.g., "172.30.100.104")'),
  ip6: text('IPv6 address (e.g., "2001:db8::33")'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NETWORK CONTAINER'],
  summary: 'Connect a container to a network',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [network = '', container = ''] }, context) {
    const { networks } = await context.engine()
    await networks.connect(network, container, {
      ...(flags.alias.length > 0 && { aliases: flags.alias }),
      ...(flags.ip !== undefined && { ip: flags.ip }),
      ...(flags.ip6 !== undefined && { ip6: flags.ip6 }),
    })
    return 0
  },
})
