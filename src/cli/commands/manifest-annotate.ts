import { type AnyCommand, defineCommand } from '../command.ts'
import { flatList, text } from '../flags/flag.ts'

const flags = {
  arch: text('Set architecture'),
  os: text('Set operating system'),
  'os-features': flatList('Set operating system feature', (value) => value.split(',')),
  'os-version': text('Set operating system version'),
  variant: text('Set architecture variant'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] MANIFEST_LIST MANIFEST'],
  summary: 'Add additional information to a local image manifest',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [list = '', entry = ''] }, context) {
    const { manifests } = await context.engine()
    await manifests.annotate(list, entry, {
      ...(flags.arch !== undefined && { architecture: flags.arch }),
      ...(flags.os !== undefined && { os: flags.os }),
      ...(flags.variant !== undefined && { variant: flags.variant }),
      ...(flags['os-version'] !== undefined && { 'os.version': flags['os-version'] }),
      ...(flags['os-features'].length > 0 && { 'os.features': flags['os-features'] }),
    })
    return 0
  },
})
