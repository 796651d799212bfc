import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, integer, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { groupFilters } from '../input/parse-filters.ts'
import { searchHeaders, searchRow } from '../rows/search-rows.ts'

const flags = {
  filter: filters('Filter output based on conditions provided: stars, is-official', { short: 'f' }),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  limit: integer('Max number of search results'),
  'no-trunc': toggle("Don't truncate output"),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [REGISTRY/]TERM'],
  summary: 'Search a registry for images',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [term = ''] }, context) {
    const { registries } = await context.engine()
    const found = await registries.search(term, {
      filters: groupFilters(flags.filter),
      signal: context.signal,
      ...(flags.limit !== undefined && { limit: flags.limit }),
    })
    context.io.stdout.write(
      printRows(
        found.map((one) => searchRow(one, flags['no-trunc'], flags.format === 'json')),
        {
          format: flags.format,
          table: '{{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}',
          headers: searchHeaders,
        },
      ),
    )
    return 0
  },
})
