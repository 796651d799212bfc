import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, toggle } from '../flags/flag.ts'
import { confirm } from '../input/confirm.ts'
import { parseFilters } from '../input/parse-filters.ts'
import { parseMoment } from '../input/parse-time.ts'

const flags = {
  filter: filters('Provide filter values (e.g. "until=<timestamp>")'),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove all unused networks',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { until, label } = parseFilters(flags.filter, ['until', 'label'])
    const last = until?.at(-1)
    const question =
      'WARNING! This will remove all custom networks not used by at least one container.\nAre you sure you want to continue?'
    if (!flags.force && !(await confirm(question, context))) return 0
    const { networks } = await context.engine()
    const removed = await networks.prune({
      ...(label && { label }),
      ...(last !== undefined && { until: Number(parseMoment('until', last, context.now()) / 1_000_000n) }),
    })
    if (removed.length > 0) context.io.stdout.write(`Deleted Networks:\n${removed.join('\n')}\n\n`)
    return 0
  },
})
