import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, integer, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { parseFilters } from '../input/parse-filters.ts'
import { containerHeaders, containerRow } from '../rows/container-rows.ts'

const flags = {
  all: toggle('Show all containers (default shows just running)', { short: 'a' }),
  filter: filters('Filter output based on conditions provided', { short: 'f' }),
  format: text('Format output: table, table TEMPLATE, json, raw or a Go template'),
  last: integer('Show n last created containers (includes all states)', { short: 'n' }),
  latest: toggle('Show the latest created container (includes all states)', { short: 'l' }),
  'no-trunc': toggle("Don't truncate output"),
  quiet: toggle('Only display container IDs', { short: 'q' }),
  size: toggle('Display total file sizes', { short: 's' }),
}

const filterNames = [
  'ancestor',
  'before',
  'exited',
  'expose',
  'health',
  'id',
  'is-task',
  'label',
  'name',
  'network',
  'publish',
  'since',
  'status',
  'volume',
]

const raw =
  'container_id: {{.ID}}\nimage: {{.Image}}\ncommand: {{.Command}}\ncreated_at: {{.CreatedAt}}\nstate: {{.State}}\n' +
  'status: {{.Status}}\nnames: {{.Names}}\nlabels:{{with .Labels}} {{.}}{{end}}\nports:{{with .Ports}} {{.}}{{end}}\n'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'List containers',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const last = flags.latest ? 1 : flags.last
    const { containers } = await context.engine()
    const filters = parseFilters(flags.filter, filterNames)
    const size = flags.size || (!flags.quiet && /\.Size\b/.test(flags.format ?? ''))
    const everyState = flags.all || (last !== undefined && last > 0) || filters['status'] !== undefined
    const found = await containers.list({ all: everyState || filters['exited'] !== undefined, size, filters })
    const newest = found.toSorted((a, b) => b.createdAt - a.createdAt)
    const shown = last !== undefined && last > 0 ? newest.slice(0, last) : newest
    const now = context.now()
    context.io.stdout.write(
      printRows(
        shown.map((container) => containerRow(container, { now, noTrunc: flags['no-trunc'] })),
        {
          format: flags.format,
          table: `{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}${flags.size ? '\t{{.Size}}' : ''}`,
          raw: raw + (flags.size ? 'size: {{.Size}}\n' : ''),
          quiet: flags.quiet ? 'ID' : undefined,
          headers: containerHeaders,
        },
      ),
    )
    return 0
  },
})
