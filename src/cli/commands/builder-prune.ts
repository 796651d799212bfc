import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { confirm } from '../input/confirm.ts'

const flags = {
  all: toggle('Remove all build cache, not just dangling records', { short: 'a' }),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove build cache',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const which = flags.all ? 'all build cache' : 'all dangling build cache'
    const question = `WARNING! This will remove ${which}. Are you sure you want to continue?`
    if (!flags.force && !(await confirm(question, context))) return 0
    const { builder } = await context.engine()
    const { removed, reclaimed } = await builder.prune({ all: flags.all })
    const rows = removed.map((id) => `${id}\n`).join('')
    context.io.stdout.write(`${removed.length === 0 ? '' : `ID\n${rows}`}Total:\t${humanSize(reclaimed)}\n`)
    return 0
  },
})
