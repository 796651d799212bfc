import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text } from '../flags/flag.ts'
import { labels } from '../flags/pair-lists.ts'
import { toRecord } from '../input/read-variables.ts'

const flags = {
  driver: text('Specify volume driver name (default "local")', { short: 'd' }),
  label: labels('Set metadata for a volume'),
  name: text('As the argument', { hidden: true }),
  opt: list('Set driver specific options', { short: 'o', type: 'map' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [VOLUME]'],
  summary: 'Create a volume',
  arguments: [0, 1],
  flags,
  async run({ flags, args }, context) {
    if (flags.driver !== undefined && flags.driver !== 'local') {
      throw failure('CLI_FAILED', { reason: `unknown volume driver ${flags.driver}: there is local` })
    }
    const name = args[0] ?? flags.name
    const { volumes } = await context.engine()
    const volume = await volumes.create({
      ...(name === undefined ? {} : { name }),
      labels: toRecord(flags.label),
      options: toRecord(flags.opt),
    })
    context.io.stdout.write(`${volume.name}\n`)
    return 0
  },
})
