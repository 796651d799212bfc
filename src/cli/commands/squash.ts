import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text } from '../flags/flag.ts'

const flags = {
  base: text('Merge only the layers above this image'),
  tag: list('Name of the new image', { short: 't' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE'],
  summary: 'Merge the layers of an image into one',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { images } = await context.engine()
    const id = await images.squash(name, {
      signal: context.signal,
      names: flags.tag,
      ...(flags.base === undefined ? {} : { base: flags.base }),
    })
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})
