import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { writeOutputFile } from '../write-output-file.ts'

const flags = {
  output: text('Write to a file, instead of STDOUT', { short: 'o' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER'],
  summary: "Export a container's filesystem as a tar archive",
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { containers } = await context.engine()
    await writeOutputFile(flags.output, context, (sink) =>
      containers.export(name, sink, { signal: context.signal }),
    )
    return 0
  },
})
