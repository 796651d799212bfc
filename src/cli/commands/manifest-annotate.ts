import { type AnyCommand, defineCommand } from '../command.ts'
import { entryFlags, entryPlatform } from '../flags/entry-flags.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] MANIFEST_LIST MANIFEST'],
  summary: 'Add additional information to a local image manifest',
  arguments: [2, 2],
  flags: entryFlags,
  async run({ flags, args: [list = '', entry = ''] }, context) {
    const { manifests } = await context.engine()
    await manifests.annotate(list, entry, entryPlatform(flags))
    return 0
  },
})
