import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text, toggle } from '../flags/flag.ts'
import { toRecord } from '../input/read-variables.ts'

const flags = {
  attachable: toggle('Accepted for compatibility: every network is', { hidden: true }),
  driver: text('Driver to manage the Network (default "bridge")', { short: 'd' }),
  gateway: text('IPv4 Gateway for the subnet'),
  internal: toggle('Restrict external access to the network'),
  'ip-range': text('Allocate container ip from a sub-range'),
  ipv6: toggle('Enable or disable IPv6 address assignment'),
  label: list('Set metadata on a network'),
  opt: list('Set driver specific options', { short: 'o', type: 'map' }),
  subnet: text('Subnet in CIDR format that represents a network segment'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NETWORK'],
  summary: 'Create a network',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    if (flags.driver !== undefined && flags.driver !== 'bridge')
      throw failure('CLI_FAILED', { reason: `could not find plugin ${flags.driver}: there is bridge` })
    if (flags.ipv6) throw failure('NOT_IMPLEMENTED', { feature: 'IPv6 on a network' })
    const { networks } = await context.engine()
    const { id } = await networks.create({
      name,
      internal: flags.internal,
      attachable: flags.attachable,
      labels: toRecord(flags.label),
      options: toRecord(flags.opt),
      ...(flags.subnet !== undefined && { subnet: flags.subnet }),
      ...(flags.gateway !== undefined && { gateway: flags.gateway }),
      ...(flags['ip-range'] !== undefined && { range: flags['ip-range'] }),
    })
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})
