import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { filters, toggle } from '../flags/flag.ts'
import { confirm } from '../input/confirm.ts'
import { parseFilters } from '../input/parse-filters.ts'
import { parseMoment } from '../input/parse-time.ts'
import { prunedLines } from '../rows/removal-lines.ts'

const flags = {
  all: toggle('Remove all unused images not just dangling ones', { short: 'a' }),
  filter: filters('Provide filter values (e.g. "label=<key>=<value>")'),
  force: toggle('Do not prompt for confirmation', { short: 'f' }),
  volumes: toggle('Prune anonymous volumes'),
}

interface Choice {
  readonly all: boolean
  readonly volumes: boolean
  readonly label?: readonly string[]
  readonly until?: number
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove unused data',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const filters = parseFilters(flags.filter, ['until', 'label'])
    const until = filters['until']?.at(-1)
    const choice: Choice = {
      all: flags.all,
      volumes: flags.volumes,
      ...(filters['label'] ? { label: filters['label'] } : {}),
      ...(until === undefined
        ? {}
        : { until: Number(parseMoment('until', until, context.now()) / 1_000_000n) }),
    }
    if (!flags.force && !(await confirm(warning(choice), context))) return 0
    const reclaimed = await prune(choice, context)
    context.io.stdout.write(`Total reclaimed space: ${humanSize(reclaimed)}\n`)
    return 0
  },
})

function warning({ all, volumes, label, until }: Choice): string {
  const filtered = label !== undefined || until !== undefined
  const items = [
    'all stopped containers',
    'all networks not used by at least one container',
    ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
    all ? 'all images without at least one container associated to them' : 'all dangling images',
    all ? 'all build cache' : 'unused build cache',
    ...(filtered ? [] : ['all partial downloads']),
  ]
  const lines = items.map((item) => `  - ${item}\n`).join('')
  return `WARNING! This will remove:\n${lines}\nAre you sure you want to continue?`
}

/** Containers first: what they used is unused then. */
async function prune({ all, volumes, label, until }: Choice, context: CommandContext): Promise<number> {
  const engine = await context.engine()
  const { stdout } = context.io
  const filters = { ...(label === undefined ? {} : { label }), ...(until === undefined ? {} : { until }) }
  const section = (title: string, lines: string): void => {
    if (lines !== '') stdout.write(`${title}:\n${lines}\n`)
  }
  const lines = (names: readonly string[]): string => names.map((name) => `${name}\n`).join('')
  const containers = await engine.containers.prune(filters)
  section('Deleted Containers', lines(containers.removed))
  let total = containers.reclaimed
  if (volumes) {
    const report = await engine.volumes.prune({ all: false, ...(label === undefined ? {} : { label }) })
    section('Deleted Volumes', lines(report.removed))
    total += report.reclaimed
  }
  section('Deleted Networks', lines(await engine.networks.prune(filters)))
  const images = await engine.images.prune({ ...filters, all })
  section('Deleted Images', prunedLines(images.removed))
  total += images.reclaimed
  // records of the build cache have no labels: a label filter leaves them alone
  if (label !== undefined) return total
  const cache = await engine.builder.prune({ all })
  section('Deleted build cache objects', lines(cache.removed.map(({ id }) => id)))
  return total + cache.reclaimed
}
