import { toVolumeInspect } from '../../api/convert/volume-inspect.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] VOLUME [VOLUME...]'],
  summary: 'Display detailed information on one or more volumes',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { volumes } = await context.engine()
    return await inspectObjects(args, flags.format, context, async (name) =>
      toVolumeInspect(await volumes.inspect(name)),
    )
  },
})
