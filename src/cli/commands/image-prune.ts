import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, toggle } from '../flags/flag.ts'
import { confirm } from '../input/confirm.ts'
import { parseImageFilters } from '../input/image-filters.ts'
import { prunedLines } from '../rows/removal-lines.ts'

const flags = {
  all: toggle('Remove all unused images, not just dangling ones', { short: 'a' }),
  filter: filters('Provide filter values (e.g. "until=<timestamp>")'),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove unused images',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const allowed = ['until', 'label', 'label!', 'dangling']
    const { dangling, ...filters } = parseImageFilters(flags.filter, allowed, context.now())
    const all = flags.all || dangling === false
    const what = all
      ? 'WARNING! This will remove all images without at least one container associated to them.'
      : 'WARNING! This will remove all dangling images.'
    if (!flags.force && !(await confirm(`${what}\nAre you sure you want to continue?`, context))) return 0
    const { images } = await context.engine()
    const { removed, reclaimed } = await images.prune({ ...filters, all })
    const list = removed.length === 0 ? '' : `Deleted Images:\n${prunedLines(removed)}\n`
    context.io.stdout.write(`${list}Total reclaimed space: ${humanSize(reclaimed)}\n`)
    return 0
  },
})
