import { toContainerInspect } from '../../api/convert/container-inspect.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
  size: toggle('Display total file sizes', { short: 's' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Display detailed information on one or more containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    return await inspectObjects(args, flags.format, context, async (name) =>
      toContainerInspect(await containers.inspect(name, { size: flags.size })),
    )
  },
})
