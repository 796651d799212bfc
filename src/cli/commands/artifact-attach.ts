import { type AnyCommand, defineCommand } from '../command.ts'
import { artifactFlags, artifactOptions, parseFile } from '../flags/artifact-flags.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [FILE[:TYPE]...]'],
  summary: 'Attach files to an image in its registry',
  arguments: [1, Infinity],
  flags: artifactFlags,
  async run({ flags, args: [name = '', ...files] }, context) {
    const { artifacts } = await context.engine()
    const { digest } = await artifacts.attach(name, files.map(parseFile), artifactOptions(flags, context))
    context.io.stdout.write(`${digest}\n`)
    return 0
  },
})
