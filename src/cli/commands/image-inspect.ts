import { toImageInspect } from '../../api/convert/image-inspect.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { inspectObjects } from '../inspect-objects.ts'

const flags = {
  format: text('Format output: json or a Go template', { short: 'f' }),
  remote: toggle('Inspect what the registry has; nothing is pulled'),
  platform: platformFlag('Inspect the image of this platform: os[/arch[/variant]]'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [IMAGE...]'],
  summary: 'Display detailed information on one or more images',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { images } = await context.engine()
    const wish = flags.platform === undefined ? {} : { platform: flags.platform }
    return await inspectObjects(args, flags.format, context, async (name) =>
      toImageInspect(
        flags.remote
          ? await images.inspectRemote(name, { ...wish, signal: context.signal })
          : await images.inspect(name, wish),
      ),
    )
  },
})
