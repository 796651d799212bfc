import { listContainers } from '../../../compose/run/observed.ts'
import { formatPlatform } from '../../../oci/platform.ts'
import { humanDuration } from '../../../util/human-duration.ts'
import { humanSize } from '../../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { text, toggle } from '../../flags/flag.ts'
import { printRows, type RowFields } from '../../format/print-rows.ts'
import { chooseProject } from '../choose-project.ts'

const flags = {
  format: text('Format the output. Values: [table | json]'),
  quiet: toggle('Only display IDs', { short: 'q' }),
}

const headers = {
  ContainerName: 'CONTAINER',
  Repository: 'REPOSITORY',
  Tag: 'TAG',
  Platform: 'PLATFORM',
  ID: 'IMAGE ID',
  Size: 'SIZE',
  Created: 'CREATED',
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'List images used by the created containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args)
    const { images, ...engine } = await context.engine()
    const containers = (await listContainers({ engine: { images, ...engine } }, project.name)).filter(
      ({ service }) => Object.hasOwn(project.services, service),
    )
    const rows: RowFields[] = []
    for (const { name, details } of containers) {
      const image = await images.inspect(details.imageId)
      const [, repository = details.imageName, tag = 'latest'] =
        /^(.+?)(?::([^:/]+))?$/.exec(details.imageName) ?? []
      rows.push({
        ContainerName: name,
        Repository: repository,
        Tag: tag,
        Platform: formatPlatform(image.config),
        ID: image.id.replace('sha256:', '').slice(0, flags.quiet ? 64 : 12),
        Size: humanSize(image.size, 3),
        Created: `${humanDuration(context.now() - image.createdAt)} ago`,
      })
    }
    if (flags.quiet) {
      context.io.stdout.write([...new Set(rows.map(({ ID }) => `${String(ID)}\n`))].join(''))
      return 0
    }
    const table =
      '{{.ContainerName}}\t{{.Repository}}\t{{.Tag}}\t{{.Platform}}\t{{.ID}}\t{{.Size}}\t{{.Created}}'
    context.io.stdout.write(printRows(rows, { format: flags.format, table, headers }))
    return 0
  },
})
