import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, parsed, toggle } from '../flags/flag.ts'
import { humanSize } from '../../util/human-size.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { parseCacheFilters } from '../input/cache-filters.ts'
import { confirm } from '../input/confirm.ts'
import { cacheDetails, removedTable } from '../rows/cache-rows.ts'

const bytes = { type: 'bytes' }
const flags = {
  all: toggle('Remove all build cache, not just dangling records', { short: 'a' }),
  filter: filters('Provide filter values'),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
  'keep-storage': parsed('As --reserved-space', parseBytes, { ...bytes, hidden: true }),
  'max-used-space': parsed('Maximum amount of disk space allowed to keep for cache', parseBytes, bytes),
  'min-free-space': parsed('Target amount of free disk space after pruning', parseBytes, bytes),
  'reserved-space': parsed('Amount of disk space always allowed to keep for cache', parseBytes, bytes),
  verbose: toggle('Provide a more verbose output'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove build cache',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const now = context.now()
    const matches = parseCacheFilters(flags.filter, now)
    const which = flags.all ? 'all build cache' : 'all dangling build cache'
    const question = `WARNING! This will remove ${which}. Are you sure you want to continue?`
    if (!flags.force && !(await confirm(question, context))) return 0
    const { builder } = await context.engine()
    const limits = {
      reservedSpace: flags['reserved-space'] ?? flags['keep-storage'],
      maxUsedSpace: flags['max-used-space'],
      minFreeSpace: flags['min-free-space'],
    }
    const given = Object.fromEntries(Object.entries(limits).filter(([, value]) => value !== undefined))
    const { removed, reclaimed } = await builder.prune({ all: flags.all, matches, ...given })
    const rows = flags.verbose
      ? removed.map((row) => cacheDetails(row, now)).join('')
      : removedTable(removed, now)
    context.io.stdout.write(`${rows}Total:\t${humanSize(reclaimed)}\n`)
    return 0
  },
})
