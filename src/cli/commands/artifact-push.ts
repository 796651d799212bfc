import { type AnyCommand, defineCommand } from '../command.ts'
import { artifactFlags, artifactOptions, parseFile } from '../flags/artifact-flags.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME[:TAG] FILE[:TYPE] [FILE[:TYPE]...]'],
  summary: 'Upload files to a registry as an artifact',
  arguments: [2, Infinity],
  flags: artifactFlags,
  async run({ flags, args: [name = '', ...files] }, context) {
    const { artifacts } = await context.engine()
    const { digest, size } = await artifacts.push(name, files.map(parseFile), artifactOptions(flags, context))
    context.io.stdout.write(`${name}: digest: ${digest} size: ${size}\n`)
    return 0
  },
})
