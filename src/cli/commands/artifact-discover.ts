import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { printRows } from '../format/print-rows.ts'
import { humanSize } from '../../util/human-size.ts'

const flags = {
  'artifact-type': text('Only artifacts of this type'),
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  quiet: toggle('Only show digests', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE'],
  summary: 'List what is attached to an image in its registry',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { artifacts } = await context.engine()
    const artifactType = flags['artifact-type']
    const { referrers } = await artifacts.discover(name, {
      signal: context.signal,
      ...(artifactType !== undefined && { artifactType }),
    })
    const rows = referrers.map(({ digest, size, artifactType: type = '', mediaType, annotations = {} }) => ({
      Digest: digest,
      ArtifactType: type,
      MediaType: mediaType,
      Size: humanSize(size),
      Annotations: annotations,
    }))
    context.io.stdout.write(
      printRows(rows, {
        format: flags.format,
        table: '{{.Digest}}\t{{.ArtifactType}}\t{{.Size}}',
        quiet: flags.quiet ? 'Digest' : undefined,
        headers: { Digest: 'DIGEST', ArtifactType: 'ARTIFACT TYPE', MediaType: 'MEDIA TYPE', Size: 'SIZE' },
      }),
    )
    return 0
  },
})
