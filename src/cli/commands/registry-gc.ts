import type { CollectReport } from '../../registry/server/gc/collection.ts'
import { humanSize } from '../../util/human-size.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { parsed, text, toggle } from '../flags/flag.ts'
import { parseDuration } from '../input/parse-time.ts'
import { registrySettings } from '../input/registry-settings.ts'

const flags = {
  config: text('Configuration file', { short: 'c' }),
  'dry-run': toggle('Say what would go, and change nothing'),
  grace: parsed(
    'Keep blobs that were pushed, mounted or asked for within this time (default 1h)',
    parseGrace,
  ),
  json: toggle('Print the report as JSON'),
  storage: text('Folder of the registry (default below the store)'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Remove what retention rules give up, and blobs that no manifest names',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const settings = await registrySettings(flags)
    const { registries } = await context.engine()
    const grace = flags.grace === undefined ? {} : { grace: flags.grace }
    const report = await registries.collect({ ...settings, dryRun: flags['dry-run'], ...grace })
    const shown = flags.json ? `${JSON.stringify(report)}\n` : linesOf(report).join('')
    context.io.stdout.write(shown)
    return 0
  },
})

function linesOf({ dryRun, tags, manifests, blobs, freed, kept }: CollectReport): readonly string[] {
  const would = dryRun ? 'would be removed' : 'removed'
  const counts = `${tags.length} tags, ${manifests.length} manifests, ${blobs.length} blobs`
  return [
    ...tags.map(({ repository, tag, digest }) => `${repository}:${tag} ${would} (${digest})\n`),
    ...manifests.map(({ repository, digest }) => `${repository}@${digest} ${would}\n`),
    `${counts} ${would}: ${humanSize(freed)}\n`,
    ...(kept === 0 ? [] : [`${kept} blobs that no manifest names are too young to go\n`]),
  ]
}

/** In ms. */
function parseGrace(text: string): number {
  const nanoseconds = parseDuration(text)
  if (nanoseconds === undefined || nanoseconds < 0n) throw new Error('use a time, e.g. 10m or 24h')
  return Number(nanoseconds / 1_000_000n)
}
