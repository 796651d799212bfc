import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { pullImage } from '../pull-image.ts'

const flags = {
  'all-tags': toggle('Download all tagged images in the repository', { short: 'a' }),
  'disable-content-trust': toggle('Accepted for compatibility', { initial: true, hidden: true }),
  platform: platformFlag('Platform to pull: os[/arch[/variant]]'),
  quiet: toggle('Suppress verbose output', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME[:TAG|@DIGEST]'],
  summary: 'Download an image from a registry',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { stdout } = context.io
    const { tag, digest } = parseReference(name)
    const isNamed = tag !== undefined || digest !== undefined
    if (flags['all-tags'] && isNamed) {
      throw failure('CLI_FAILED', { reason: "tag can't be used with --all-tags/-a" })
    }
    if (!isNamed && !flags['all-tags'] && !flags.quiet) stdout.write('Using default tag: latest\n')
    await pullImage(name, context, {
      output: stdout,
      quiet: flags.quiet,
      allTags: flags['all-tags'],
      platform: flags.platform,
    })
    const reference = parseReference(name)
    stdout.write(`${formatReference(flags['all-tags'] ? reference : withDefaultTag(reference))}\n`)
    return 0
  },
})
