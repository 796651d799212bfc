import { toNetworkInspect } from '../../api/convert/network-inspect.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
  verbose: toggle('Accepted for compatibility', { short: 'v', hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NETWORK [NETWORK...]'],
  summary: 'Display detailed information on one or more networks',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { networks } = await context.engine()
    return await inspectObjects(args, flags.format, context, async (name) =>
      toNetworkInspect(await networks.inspect(name)),
    )
  },
})
