import type { CacheUsage } from '../../builder/build.ts'
import type { ContainerDetails } from '../../containers/containers.ts'
import type { VolumeDetails } from '../../containers/volume/volume-details.ts'
import type { Engine } from '../../engine/engine.ts'
import type { Images, ImageSummary } from '../../images/images.ts'
import type { PartialDownload } from '../../store/reports.ts'
import { failure } from '../../util/errors.ts'
import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'
import { printRows, type RowFields } from '../format/print-rows.ts'
import { humanDuration } from '../../util/human-duration.ts'
import { containerHeaders, containerRow } from '../rows/container-rows.ts'
import { imageHeaders, imageRows } from '../rows/image-rows.ts'
import { volumeHeaders, volumeRow } from '../rows/volume-rows.ts'

const flags = {
  format: text('Format output: table, table TEMPLATE, json or a Go template'),
  verbose: toggle('Show detailed information on space usage', { short: 'v' }),
}

interface Usage {
  readonly images: readonly ImageSummary[]
  /** By image ID: bytes of each layer by its diff ID. */
  readonly layers: ReadonlyMap<string, ReadonlyMap<string, number>>
  readonly containers: readonly ContainerDetails[]
  readonly volumes: readonly { readonly volume: VolumeDetails; readonly size: number }[]
  readonly cache: readonly CacheUsage[]
  readonly partials: readonly PartialDownload[]
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
  const [images, containers, volumes, cache, partials] = await Promise.all([
    engine.images.diskUsage(),
    engine.containers.list({ all: true, size: true }),
    engine.volumes.list(),
    engine.builder.cacheUsage(),
    engine.images.partialDownloads(),
  ])
  const sized = await Promise.all(
    volumes.map(async (volume) => ({ volume, size: await engine.volumes.size(volume.name) })),
  )
  const layers = new Map<string, ReadonlyMap<string, number>>()
  for (const { id } of images) layers.set(id, await layerSizes(engine.images, id))
  return { images, layers, containers, volumes: sized, cache, partials }
}

/** From the history, whose rows with a layer are those of the config, newest first. */
async function layerSizes(images: Images, id: string): Promise<ReadonlyMap<string, number>> {
  const { config, size } = await images.inspect(id)
  const rows = (await images.history(id)).toReversed()
  const filled = rows.filter((_, index) => !config.history?.[index]?.empty_layer)
  const diffIds = config.rootfs.diff_ids
  // a history that does not tell the layers apart: the image counts as one layer of its own
  if (filled.length !== diffIds.length) return new Map([[id, size]])
  return new Map(diffIds.map((diffId, index) => [diffId, filled[index]?.size ?? 0]))
}

function sum(sizes: Iterable<number>): number {
  let total = 0
  for (const size of sizes) total += size
  return total
}

function summaryRows({ images, layers, containers, volumes, cache, partials }: Usage): RowFields[] {
  const row = (type: string, total: number, active: number, size: number, free: number): RowFields => ({
    Type: type,
    TotalCount: String(total),
    Active: String(active),
    Size: humanSize(size),
    Reclaimable: size > 0 ? `${humanSize(free)} (${Math.trunc((free / size) * 100)}%)` : humanSize(free),
  })
  const used = images.filter((image) => image.containers > 0)
  // a layer that several images have is there once
  const bytesOf = (list: readonly ImageSummary[]): number =>
    sum(new Map(list.flatMap(({ id }) => [...(layers.get(id) ?? [])])).values())
  const size = bytesOf(images)
  const stopped = containers.filter(({ state }) => state.status !== 'running' && state.status !== 'paused')
  const rw = (list: readonly ContainerDetails[]): number => sum(list.map(({ sizeRw }) => sizeRw ?? 0))
  const unused = volumes.filter(({ volume }) => volume.usedBy.length === 0)
  const bytes = (list: Usage['volumes']): number => sum(list.map(({ size }) => size))
  const cached = cache.filter(({ shared }) => !shared)
  return [
    row('Images', images.length, used.length, size, size - bytesOf(used)),
    row('Containers', containers.length, containers.length - stopped.length, rw(containers), rw(stopped)),
    row('Local Volumes', volumes.length, volumes.length - unused.length, bytes(volumes), bytes(unused)),
    row('Build Cache', cache.length, inUse(cache), ...sizes(cached)),
    // Docker has no such row: it is there only when there is something in it
    ...(partials.length === 0
      ? []
      : [row('Partial Downloads', partials.length, inUse(partials), ...sizes(partials))]),
  ]
}

type Sized = readonly { readonly size: number; readonly inUse: boolean }[]

const inUse = (list: Sized): number => list.filter(({ inUse }) => inUse).length

/** Of all, and of what could go. */
function sizes(list: Sized): readonly [size: number, free: number] {
  return [sum(list.map(({ size }) => size)), sum(list.map(({ size, inUse }) => (inUse ? 0 : size)))]
}

function verboseText({ images, containers, volumes, cache, partials }: Usage, now: number): string {
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
    ...(partials.length === 0 ? [] : [`\nPartial downloads: ${humanSize(sizes(partials)[0])}\n`]),
  ].join('')
}
