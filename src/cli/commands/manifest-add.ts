import { type AnyCommand, defineCommand } from '../command.ts'
import { list, toggle } from '../flags/flag.ts'
import { parsePair } from '../flags/artifact-flags.ts'
import { entryFlags, entryPlatform } from '../flags/entry-flags.ts'
import { insecureRegistry } from '../insecure-registry.ts'

const flags = {
  all: toggle('Of a list add every image'),
  annotation: list('Say something about the entry: key=value'),
  insecure: toggle('Allow communication with an insecure registry'),
  ...entryFlags,
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] MANIFEST_LIST MANIFEST [MANIFEST...]'],
  summary: 'Add images to a local manifest list',
  arguments: [2, Infinity],
  flags,
  async run({ flags, args: [name = '', ...sources] }, context) {
    const annotations = flags.annotation.map(parsePair)
    const { manifests } = await context.engine(insecureRegistry(flags.insecure, ...sources))
    await manifests.add(name, sources, {
      signal: context.signal,
      all: flags.all,
      entry: {
        ...entryPlatform(flags),
        ...(annotations.length > 0 && { annotations: Object.fromEntries(annotations) }),
      },
    })
    return 0
  },
})
