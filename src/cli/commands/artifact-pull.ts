import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'

const flags = { output: text('Folder to write to (default the working folder)', { short: 'o' }) }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME[:TAG|@DIGEST]'],
  summary: 'Download the files of an artifact from a registry',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { artifacts } = await context.engine()
    const paths = await artifacts.pull(name, flags.output ?? '.', { signal: context.signal })
    context.io.stdout.write(paths.map((path) => `${path}\n`).join(''))
    return 0
  },
})
