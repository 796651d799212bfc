import { type AnyCommand, defineCommand } from '../command.ts'
import { text } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'

const flags = {
  format: text('Format output: table, json or a Go template', { hidden: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER'],
  summary: "Inspect changes to files or directories on a container's filesystem",
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { containers } = await context.engine()
    const changes = await containers.changes(name)
    const rows = changes.map(({ kind, path }) => ({ Type: kind, Path: path }))
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format ?? '{{.Type}} {{.Path}}',
        table: '{{.Type}}\t{{.Path}}',
        headers: { Type: 'CHANGE TYPE', Path: 'PATH' },
      }),
    )
    return 0
  },
})
