import { matchPools, networkPools } from '../../containers/network/address-pools.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text, toggle } from '../flags/flag.ts'
import { labels } from '../flags/pair-lists.ts'
import { toRecord } from '../input/read-variables.ts'

const flags = {
  attachable: toggle('Accepted for compatibility: every network is', { hidden: true }),
  driver: text('Driver to manage the Network (default "bridge")', { short: 'd' }),
  'aux-address': list('Auxiliary IPv4 or IPv6 addresses used by Network driver', { type: 'map' }),
  gateway: list('IPv4 or IPv6 Gateway for the subnet'),
  internal: toggle('Restrict external access to the network'),
  'ip-range': list('Allocate container ip from a sub-range'),
  ipv6: toggle('Enable or disable IPv6 address assignment'),
  label: labels('Set metadata on a network'),
  opt: list('Set driver specific options', { short: 'o', type: 'map' }),
  subnet: list('Subnet in CIDR format that represents a network segment'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NETWORK'],
  summary: 'Create a network',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    if (flags.driver !== undefined && flags.driver !== 'bridge')
      throw failure('CLI_FAILED', { reason: `could not find plugin ${flags.driver}: there is bridge` })
    const pools = matchPools({
      subnets: flags.subnet,
      gateways: flags.gateway,
      ranges: flags['ip-range'],
      reserved: toRecord(flags['aux-address']),
    })
    const { networks } = await context.engine()
    const { id } = await networks.create({
      name,
      internal: flags.internal,
      attachable: flags.attachable,
      labels: toRecord(flags.label),
      options: toRecord(flags.opt),
      ...networkPools(pools, flags.ipv6),
    })
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})
