import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { parseFilters } from '../input/parse-filters.ts'
import { volumeHeaders, volumeRow } from '../rows/volume-rows.ts'

const flags = {
  filter: filters('Provide filter values (e.g. "dangling=true")', { short: 'f' }),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  quiet: toggle('Only display volume names', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'List volumes',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { volumes } = await context.engine()
    const found = await volumes.list(parseFilters(flags.filter, ['dangling', 'driver', 'label', 'name']))
    const rows = found.toSorted((a, b) => (a.name < b.name ? -1 : 1)).map((volume) => volumeRow(volume))
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format,
        table: '{{.Driver}}\t{{.Name}}',
        quiet: flags.quiet ? 'Name' : undefined,
        headers: volumeHeaders,
      }),
    )
    return 0
  },
})
