import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { parseFilters } from '../input/parse-filters.ts'
import { networkHeaders, networkRow } from '../rows/network-rows.ts'

const flags = {
  filter: filters('Provide filter values (e.g. "driver=bridge")', { short: 'f' }),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  'no-trunc': toggle('Do not truncate the output'),
  quiet: toggle('Only display network IDs', { short: 'q' }),
}

const known = ['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'List networks',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { networks } = await context.engine()
    const found = await networks.list(parseFilters(flags.filter, known))
    context.io.stdout.write(
      printRows(
        found.map((network) => networkRow(network, flags['no-trunc'])),
        {
          format: flags.format,
          table: '{{.ID}}\t{{.Name}}\t{{.Driver}}\t{{.Scope}}',
          quiet: flags.quiet ? 'ID' : undefined,
          headers: networkHeaders,
        },
      ),
    )
    return 0
  },
})
