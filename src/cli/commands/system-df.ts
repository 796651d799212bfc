import type { CacheUsage } from '../../builder/build.ts'
import type { ContainerDetails, VolumeDetails } from '../../containers/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import type { ImageSummary } from '../../images/images.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { printRows, type RowFields } from '../format/print-rows.ts'
import { humanDuration, humanSize } from '../format/units.ts'
import { containerHeaders, containerRow } from '../rows/container-rows.ts'
import { imageHeaders, imageRows } from '../rows/image-rows.ts'
import { volumeHeaders, volumeRow } from '../rows/volume-rows.ts'

const flags = {
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  verbose: toggle('Show detailed information on space usage', { short: 'v' }),
}

interface Usage {
  readonly images: readonly ImageSummary[]
  readonly containers: readonly ContainerDetails[]
  readonly volumes: readonly { readonly volume: VolumeDetails; readonly size: number }[]
  readonly cache: readonly CacheUsage[]
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Show disk usage',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    if (flags.verbose && flags.format !== undefined) {
      throw failure('CLI_FAILED', { reason: 'the format and verbose options conflict' })
    }
    const usage = await measure(await context.engine())
    context.io.stdout.write(
      flags.verbose
        ? verboseText(usage, context.now())
        : printRows(summaryRows(usage), {
            format: flags.format,
            table: '{{.Type}}\t{{.TotalCount}}\t{{.Active}}\t{{.Size}}\t{{.Reclaimable}}',
            headers: {
              Type: 'TYPE',
              TotalCount: 'TOTAL',
              Active: 'ACTIVE',
              Size: 'SIZE',
              Reclaimable: 'RECLAIMABLE',
            },
          }),
    )
    return 0
  },
})

async function measure(engine: Engine): Promise<Usage> {
  const [images, containers, volumes, cache] = await Promise.all([
    engine.images.diskUsage(),
    engine.containers.list({ all: true, size: true }),
    engine.volumes.list(),
    engine.builder.cacheUsage(),
  ])
  const sized = await Promise.all(
    volumes.map(async (volume) => ({ volume, size: await engine.volumes.size(volume.name) })),
  )
  return { images, containers, volumes: sized, cache }
}

function sum(sizes: Iterable<number>): number {
  let total = 0
  for (const size of sizes) total += size
  return total
}

function summaryRows({ images, containers, volumes, cache }: Usage): RowFields[] {
  const row = (type: string, total: number, active: number, size: number, free: number): RowFields => ({
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size),
    Reclaimable: size > 0 ? `${humanSize(free)} (${Math.trunc((free / size) * 100)}%)` : humanSize(free),
  })
  const own = (image: ImageSummary): number => image.size - image.sharedSize
  const used = images.filter((image) => image.containers > 0)
  // a shared layer is counted once: as much as the largest image that has it brings
  const shared = Math.max(0, ...images.map((image) => image.sharedSize))
  const size = sum(images.map(own)) + shared
  const kept = sum(used.map(own)) + Math.max(0, ...used.map((image) => image.sharedSize))
  const stopped = containers.filter(({ state }) => state.status !== 'running' && state.status !== 'paused')
  const rw = (list: readonly ContainerDetails[]): number => sum(list.map(({ sizeRw }) => sizeRw ?? 0))
  const unused = volumes.filter(({ volume }) => volume.usedBy.length === 0)
  const bytes = (list: Usage['volumes']): number => sum(list.map(({ size }) => size))
  const cached = cache.filter(({ shared }) => !shared)
  return [
    row('Images', images.length, used.length, size, size - kept),
    row('Containers', containers.length, containers.length - stopped.length, rw(containers), rw(stopped)),
    row('Local Volumes', volumes.length, volumes.length - unused.length, bytes(volumes), bytes(unused)),
    row(
      'Build Cache',
      cache.length,
      cache.filter(({ inUse }) => inUse).length,
      sum(cached.map(({ size }) => size)),
      sum(cached.filter(({ inUse }) => !inUse).map(({ size }) => size)),
    ),
  ]
}

function verboseText({ images, containers, volumes, cache }: Usage, now: number): string {
  const ago = (time: number): string => `${humanDuration(now - time)} ago`
  const cacheSize = sum(cache.filter(({ shared }) => !shared).map(({ size }) => size))
  return [
    'Images space usage:\n\n',
    printRows(
      images.flatMap((image) => imageRows(image, { now })),
      {
        table:
          '{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}',
        headers: imageHeaders,
      },
    ),
    '\nContainers space usage:\n\n',
    printRows(
      containers.map((container) => ({
        ...containerRow(container, { now, noTrunc: false }),
        Size: humanSize(container.sizeRw ?? 0, 3),
      })),
      {
        table:
          '{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}',
        headers: containerHeaders,
      },
    ),
    '\nLocal Volumes space usage:\n\n',
    printRows(
      volumes.map(({ volume, size }) => volumeRow(volume, size)),
      { table: '{{.Name}}\t{{.Links}}\t{{.Size}}', headers: volumeHeaders },
    ),
    `\nBuild cache usage: ${humanSize(cacheSize)}\n\n`,
    printRows(
      cache.map((record) => ({
        ID: record.id.replace(/^sha256:/, '').slice(0, 12),
        Type: record.type,
        Size: humanSize(record.size, 3),
        Created: ago(record.createdAt),
        Used: ago(record.lastUsedAt),
        Count: String(record.uses),
        Shared: String(record.shared),
      })),
      {
        table: '{{.ID}}\t{{.Type}}\t{{.Size}}\t{{.Created}}\t{{.Used}}\t{{.Count}}\t{{.Shared}}',
        headers: {
          ID: 'CACHE ID',
          Type: 'CACHE TYPE',
          Size: 'SIZE',
          Created: 'CREATED',
          Used: 'LAST USED',
          Count: 'USAGE',
          Shared: 'SHARED',
        },
      },
    ),
  ].join('')
}
