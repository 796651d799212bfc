import { label } from '../../../compose/run/labels.ts'
import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { list, text, toggle } from '../../flags/flag.ts'
import { printRows } from '../../format/print-rows.ts'

const flags = {
  all: toggle('Show all stopped Compose projects', { short: 'a' }),
  filter: list('Filter output based on conditions provided'),
  format: text('Format the output. Values: [table | json]'),
  quiet: toggle('Only display project names', { short: 'q' }),
}

const headers = { Name: 'NAME', Status: 'STATUS', ConfigFiles: 'CONFIG FILES' }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'List running compose projects',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { containers } = await context.engine()
    const found = await containers.list({ all: true, filters: { label: [label.project] } })
    const names = flags.filter.map(nameOf)
    const projects = Map.groupBy(
      found.filter(({ config }) => config.Labels?.[label.oneOff] !== 'True'),
      ({ config }) => config.Labels?.[label.project] ?? '',
    )
    const rows = [...projects]
      .filter(([name, members]) => {
        const isRunning = members.some(({ state }) => state.status === 'running')
        return (flags.all || isRunning) && names.every((wanted) => name.includes(wanted))
      })
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, members]) => {
        const shown = flags.all ? members : members.filter(({ state }) => state.status === 'running')
        const states = [...Map.groupBy(shown, ({ state }) => state.status)].sort(([a], [b]) =>
          a < b ? -1 : 1,
        )
        const files = members.map(({ config }) => config.Labels?.[label.files] ?? '')
        return {
          Name: name,
          Status: states.map(([state, { length }]) => `${state}(${length})`).join(', '),
          ConfigFiles: [...new Set(files.flatMap((file) => file.split(',')))].join(','),
        }
      })
    if (flags.format === 'json') {
      context.io.stdout.write(`${JSON.stringify(rows)}\n`)
      return 0
    }
    const table = '{{.Name}}\t{{.Status}}\t{{.ConfigFiles}}'
    const quiet = flags.quiet ? 'Name' : undefined
    context.io.stdout.write(printRows(rows, { format: flags.format, table, quiet, headers }))
    return 0
  },
})

function nameOf(filter: string): string {
  if (filter.startsWith('name=')) return filter.slice('name='.length)
  throw failure('COMPOSE_FAILED', { reason: `invalid filter '${filter}': there is name=NAME` })
}
