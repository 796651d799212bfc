import { type AnyCommand, defineCommand } from '../command.ts'
import { filters, text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { parseImageFilters } from '../input/image-filters.ts'
import { imageHeaders, imageRows } from '../rows/image-rows.ts'

const flags = {
  all: toggle('Show all images (default hides intermediate images)', { short: 'a' }),
  digests: toggle('Show digests'),
  filter: filters('Filter output based on conditions provided', { short: 'f' }),
  format: text('Format output: table, table TEMPLATE, json, raw or a Go template'),
  'no-trunc': toggle("Don't truncate output"),
  quiet: toggle('Only show image IDs', { short: 'q' }),
  tree: toggle('Show which image is built on which'),
}

const raw =
  'repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [REPOSITORY[:TAG]]'],
  summary: 'List images',
  arguments: [0, 1],
  flags,
  async run({ flags, args }, context) {
    if (flags.tree) {
      const { printTree } = await import('../rows/tree-rows.ts')
      context.io.stdout.write(printTree(await (await context.engine()).images.tree()))
      return 0
    }
    const now = context.now()
    const names = ['dangling', 'label', 'before', 'since', 'reference', 'until']
    const filters = parseImageFilters(flags.filter, names, now)
    const [pattern] = args
    const engine = await context.engine()
    const images = await engine.images.list({
      ...filters,
      ...(pattern === undefined ? {} : { reference: [...(filters.reference ?? []), pattern] }),
      all: flags.all,
    })
    const digests = flags.digests || /\.Digest\b/.test(flags.format ?? '')
    const rows = images.flatMap((image) => imageRows(image, { now, digests, noTrunc: flags['no-trunc'] }))
    const digestColumn = flags.digests ? '{{.Digest}}\t' : ''
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format,
        table: `{{.Repository}}\t{{.Tag}}\t${digestColumn}{{.ID}}\t{{.CreatedSince}}\t{{.Size}}`,
        raw,
        quiet: flags.quiet ? 'ID' : undefined,
        headers: imageHeaders,
      }),
    )
    return 0
  },
})
