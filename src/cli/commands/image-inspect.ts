import { toImageInspect } from '../../api/convert/image-inspect.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
  platform: platformFlag('Inspect the image of this platform: os[/arch[/variant]]'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [IMAGE...]'],
  summary: 'Display detailed information on one or more images',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { images } = await context.engine()
    return await inspectObjects(args, flags.format, context, async (name) =>
      toImageInspect(
        await images.inspect(name, flags.platform === undefined ? {} : { platform: flags.platform }),
      ),
    )
  },
})
