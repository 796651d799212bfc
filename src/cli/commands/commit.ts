import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text, toggle } from '../flags/flag.ts'

const flags = {
  author: text('Author (e.g., "John Hannibal Smith <hannibal@a-team.com>")', { short: 'a' }),
  change: list('Apply Dockerfile instruction to the created image', { short: 'c' }),
  'include-volumes': toggle('Make what its volumes hold a layer of the image'),
  message: text('Commit message', { short: 'm' }),
  pause: toggle('Pause container during commit', { short: 'p', initial: true }),
  'with-volumes': toggle('As --include-volumes', { hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [REPOSITORY[:TAG]]'],
  summary: "Create a new image from a container's changes",
  arguments: [1, 2],
  flags,
  async run({ flags, args: [name = '', reference] }, context) {
    const { containers } = await context.engine()
    const id = await containers.commit(name, {
      changes: flags.change,
      pause: flags.pause,
      includeVolumes: flags['include-volumes'] || flags['with-volumes'],
      ...(reference === undefined ? {} : { reference }),
      ...(flags.author === undefined ? {} : { author: flags.author }),
      ...(flags.message === undefined ? {} : { message: flags.message }),
    })
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})
