import { familiarReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { insecureRegistry } from '../insecure-registry.ts'

const flags = {
  amend: toggle('Amend an existing manifest list', { short: 'a' }),
  insecure: toggle('Allow communication with an insecure registry'),
}

export const command: AnyCommand = defineCommand({
  usage: ['MANIFEST_LIST MANIFEST [MANIFEST...]'],
  summary: 'Create a local manifest list for annotating and pushing to a registry',
  arguments: [2, Infinity],
  flags,
  async run({ flags, args: [name = '', ...sources] }, context) {
    const { manifests } = await context.engine(insecureRegistry(flags.insecure, ...sources))
    await manifests.create(name, sources, { signal: context.signal, amend: flags.amend })
    const shown = familiarReference(withDefaultTag(parseReference(name)))
    context.io.stdout.write(`Created manifest list ${shown}\n`)
    return 0
  },
})
