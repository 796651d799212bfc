import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, toggle } from '../flags/flag.ts'
import { confirm } from '../input/confirm.ts'
import { parseFilters, parseTruth } from '../input/parse-filters.ts'

const flags = {
  all: toggle('Remove all unused volumes, not just anonymous ones', { short: 'a' }),
  filter: filters('Provide filter values (e.g. "label=<label>")'),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove unused local volumes',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { label, 'label!': notLabel, ...found } = parseFilters(flags.filter, ['label', 'label!', 'all'])
    const all = flags.all || parseTruth('all', found['all']) === true
    const which = all ? 'all' : 'anonymous'
    const question = `WARNING! This will remove ${which} local volumes not used by at least one container.\nAre you sure you want to continue?`
    if (!flags.force && !(await confirm(question, context))) return 0
    const { volumes } = await context.engine()
    const { removed, reclaimed } = await volumes.prune({
      all,
      ...(label && { label }),
      ...(notLabel && { notLabel }),
    })
    const list = removed.length === 0 ? '' : `Deleted Volumes:\n${removed.join('\n')}\n\n`
    context.io.stdout.write(`${list}Total reclaimed space: ${humanSize(reclaimed)}\n`)
    return 0
  },
})
