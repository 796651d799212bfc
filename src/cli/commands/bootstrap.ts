import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'

const flags = {
  quiet: toggle('Print only the image ID', { short: 'q' }),
  variant: text('Package set of a Debian base: minbase, …'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] busybox|debian:SUITE'],
  summary: "Make a base image from this machine's Debian packages",
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { io, signal } = context
    const { images } = await context.engine()
    const id = await images.bootstrap(name, {
      signal,
      ...(flags.variant === undefined ? {} : { variant: flags.variant }),
      onProgress: ({ status, current }) => {
        if (!flags.quiet && current === undefined) io.stderr.write(`${status}\n`)
      },
    })
    io.stdout.write(`${id}\n`)
    return 0
  },
})
