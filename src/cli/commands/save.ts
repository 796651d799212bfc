import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { writeOutputFile } from '../write-output-file.ts'

const flags = {
  output: text('Write to a file, instead of STDOUT', { short: 'o' }),
  platform: platformFlag('Save only the given platform variant: os[/arch[/variant]]'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [IMAGE...]'],
  summary: 'Save one or more images to a tar archive (streamed to STDOUT by default)',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { images } = await context.engine()
    await writeOutputFile(flags.output, context, (sink) =>
      images.save(args, sink, {
        signal: context.signal,
        ...(flags.platform !== undefined && { platform: flags.platform }),
      }),
    )
    return 0
  },
})
