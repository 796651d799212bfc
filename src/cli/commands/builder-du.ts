import type { CacheUsage } from '../../builder/build.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { humanSize } from '../../util/human-size.ts'
import { parseCacheFilters } from '../input/cache-filters.ts'
import { cacheDetails, cacheHeaders, cacheRow, cacheTableRow } from '../rows/cache-rows.ts'

const flags = {
  filter: filters('Provide filter values'),
  format: text('Format the output'),
  verbose: toggle('Shorthand for "--format=pretty"'),
}

const table = '{{.ID}}\t{{.Reclaimable}}\t{{.Size}}\t{{.LastUsedAt}}'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Disk usage',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { stdout } = context.io
    const now = context.now()
    const matches = parseCacheFilters(flags.filter, now)
    const { builder } = await context.engine()
    const rows = (await builder.cacheUsage())
      .filter(matches)
      .toSorted((a, b) => a.size - b.size || (a.id < b.id ? -1 : 1))
    const format = flags.verbose ? 'pretty' : (flags.format ?? '')
    if (format === 'pretty') stdout.write(rows.map((row) => cacheDetails(row, now)).join(''))
    else if (format === '' || format === 'table')
      stdout.write(
        printRows(
          rows.map((row) => cacheTableRow(row, now)),
          { table, headers: cacheHeaders },
        ),
      )
    else
      stdout.write(
        printRows(
          rows.map((row) => cacheRow(row, now)),
          { format, table, headers: cacheHeaders },
        ),
      )
    const isList = format === '' || format === 'table' || format === 'pretty'
    // sums of a part would be taken for the whole
    if (isList && flags.filter.length === 0) stdout.write(sums(rows))
    return 0
  },
})

function sums(rows: readonly CacheUsage[]): string {
  const sum = (which: (row: CacheUsage) => boolean): string =>
    humanSize(rows.filter(which).reduce((total, { size }) => total + size, 0))
  return [
    `Shared:\t\t${sum(({ shared }) => shared)}`,
    `Private:\t${sum(({ shared }) => !shared)}`,
    `Reclaimable:\t${sum(({ inUse }) => !inUse)}`,
    `Total:\t\t${sum(() => true)}`,
    '',
  ].join('\n')
}
