import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { insecureRegistry } from '../insecure-registry.ts'

const flags = {
  insecure: toggle('Allow push to an insecure registry'),
  purge: toggle('Remove the local manifest list after push', { short: 'p' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] MANIFEST_LIST'],
  summary: 'Push a manifest list to a repository',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { stdout } = context.io
    const { manifests } = await context.engine(insecureRegistry(flags.insecure, name))
    const { digest } = await manifests.push(name, {
      signal: context.signal,
      purge: flags.purge,
      onPushed: (reference, digest) => void stdout.write(`Pushed ref ${reference} with digest: ${digest}\n`),
    })
    stdout.write(`${digest}\n`)
    return 0
  },
})
