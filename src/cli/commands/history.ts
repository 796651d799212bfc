import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { printRows } from '../format/print-rows.ts'
import { historyHeaders, historyRows } from '../rows/history-rows.ts'

const flags = {
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  human: toggle('Print sizes and dates in human readable format', { short: 'H', initial: true }),
  'no-trunc': toggle("Don't truncate output"),
  platform: platformFlag('Show the history of the image of this platform: os[/arch[/variant]]'),
  quiet: toggle('Only show image IDs', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE'],
  summary: 'Show the history of an image',
  arguments: [1, 1],
  flags,
  async run({ flags, args }, context) {
    const engine = await context.engine()
    const wanted = flags.platform === undefined ? {} : { platform: flags.platform }
    const rows = historyRows(await engine.images.history(args[0] ?? '', wanted), {
      now: context.now(),
      noTrunc: flags['no-trunc'],
      human: flags.human,
    })
    const created = flags.human ? '{{.CreatedSince}}' : '{{.CreatedAt}}'
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format,
        table: `{{.ID}}\t${created}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`,
        quiet: flags.quiet ? 'ID' : undefined,
        headers: historyHeaders,
      }),
    )
    return 0
  },
})
