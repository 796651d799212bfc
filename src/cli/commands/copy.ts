import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { layerProgress } from '../progress/layer-progress.ts'

const flags = {
  all: toggle('Copy an index with the images of all platforms', { short: 'a' }),
  platform: platformFlag('Of an index the image of this platform: os[/arch[/variant]]'),
  quiet: toggle('Print the digest only', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SOURCE DESTINATION'],
  summary: 'Copy an image between registries, folders, archives and the store',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [from = '', to = ''] }, context) {
    const { stdout } = context.io
    const progress = flags.quiet ? undefined : layerProgress(stdout)
    const { images } = await context.engine()
    const { digest, size } = await images
      .copy(from, to, {
        signal: context.signal,
        all: flags.all,
        ...(flags.platform !== undefined && { platform: flags.platform }),
        ...(progress !== undefined && { onProgress: progress.report }),
      })
      .finally(() => progress?.finish())
    stdout.write(flags.quiet ? `${digest}\n` : `${to}: digest: ${digest} size: ${size}\n`)
    return 0
  },
})
