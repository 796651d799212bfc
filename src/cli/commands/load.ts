import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { readBigFile } from '../input/open-file.ts'
import { layerProgress } from '../progress/layer-progress.ts'

const flags = {
  input: text('Read from tar archive file, instead of STDIN', { short: 'i' }),
  platform: platformFlag('Load only the given platform variant: os[/arch[/variant]]'),
  quiet: toggle('Suppress the load output', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Load an image from a tar archive or STDIN',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { io, signal } = context
    const isFile = flags.input !== undefined && flags.input !== '-'
    if (!isFile && io.stdin.isTTY) {
      throw failure('CLI_FAILED', { reason: 'requested load from stdin, but stdin is empty: use -i FILE' })
    }
    const source = isFile ? await readBigFile(flags.input) : io.stdin
    const { images } = await context.engine()
    // only a terminal is shown the layers: Docker's plain output is the names alone
    const progress = flags.quiet || !io.stdout.isTTY ? undefined : layerProgress(io.stdout)
    const loaded = await images
      .load(source, {
        signal,
        ...(progress === undefined ? {} : { onProgress: progress.report }),
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
      })
      .finally(() => progress?.finish())
    for (const image of loaded) {
      io.stdout.write('name' in image ? `Loaded image: ${image.name}\n` : `Loaded image ID: ${image.id}\n`)
    }
    return 0
  },
})
