import { compareVersions, parseVersionRange, versionOf } from '../../util/version-range.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { integer, parsed } from '../flags/flag.ts'
import { failure } from '../../util/errors.ts'

const flags = {
  filter: parsed(
    'Only versions in this range, e.g. "^1.2" or ">=1.2 <2", in their order',
    parseVersionRange,
    {
      short: 'f',
    },
  ),
  limit: integer('Print at most so many; with --filter the newest'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] REPOSITORY'],
  summary: 'List the tags of a repository in its registry',
  arguments: [1, 1],
  flags,
  async run({ flags: { filter, limit = Infinity }, args: [name = ''] }, context) {
    if (limit < 1) throw failure('CLI_FAILED', { reason: `invalid limit ${limit}: need 1 or more` })
    const { stdout } = context.io
    const { manifests } = await context.engine()
    const versions: (readonly [string, NonNullable<ReturnType<typeof versionOf>>])[] = []
    let printed = 0
    for await (const tag of manifests.tags(name, { signal: context.signal })) {
      if (filter === undefined) {
        stdout.write(`${tag}\n`)
        if ((printed += 1) >= limit) break
        continue
      }
      const version = versionOf(tag)
      if (version !== undefined && filter(version)) versions.push([tag, version])
    }
    versions.sort(([, a], [, b]) => compareVersions(a, b))
    const newest = limit === Infinity ? versions : versions.slice(-limit)
    for (const [tag] of newest) stdout.write(`${tag}\n`)
    return 0
  },
})
