import { humanSize } from '../../util/human-size.ts'
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
  summary: 'Remove all stopped containers',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const filters = parseFilters(flags.filter, ['until', 'label'])
    const until = filters['until']?.at(-1)
    const question = 'WARNING! This will remove all stopped containers.\nAre you sure you want to continue?'
    if (!flags.force && !(await confirm(question, context))) return 0
    const { containers } = await context.engine()
    const { removed, reclaimed } = await containers.prune({
      ...(filters['label'] ? { label: filters['label'] } : {}),
      ...(until === undefined
        ? {}
        : { until: Number(parseMoment('until', until, context.now()) / 1_000_000n) }),
    })
    const list = removed.length === 0 ? '' : `Deleted Containers:\n${removed.join('\n')}\n\n`
    context.io.stdout.write(`${list}Total reclaimed space: ${humanSize(reclaimed)}\n`)
    return 0
  },
})
