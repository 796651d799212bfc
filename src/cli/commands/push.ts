import { formatReference, parseReference, withDefaultTag } from '../../oci/reference.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { layerProgress } from '../progress/layer-progress.ts'

const flags = {
  'all-tags': toggle('Push all tags of an image to the repository', { short: 'a' }),
  'disable-content-trust': toggle('Accepted for compatibility', { initial: true, hidden: true }),
  platform: platformFlag('Push only the manifest of this platform: os[/arch[/variant]]'),
  quiet: toggle('Suppress verbose output', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] NAME[:TAG]'],
  summary: 'Upload an image to a registry',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const { stdout } = context.io
    const reference = parseReference(name)
    if (flags['all-tags'] && reference.tag !== undefined) {
      throw failure('CLI_FAILED', { reason: "tag can't be used with --all-tags/-a" })
    }
    if (reference.digest !== undefined) throw failure('PUSH_BY_DIGEST', {})
    const { registry, repository } = reference
    if (!flags.quiet) {
      if (reference.tag === undefined && !flags['all-tags']) stdout.write('Using default tag: latest\n')
      stdout.write(`The push refers to repository [${registry}/${repository}]\n`)
    }
    const progress = flags.quiet ? undefined : layerProgress(stdout)
    const { images } = await context.engine()
    const results = await images
      .push(name, {
        signal: context.signal,
        ...(flags['all-tags'] ? { allTags: true } : {}),
        ...(flags.platform === undefined ? {} : { platform: flags.platform }),
        ...(progress === undefined ? {} : { onProgress: progress.report }),
      })
      .finally(() => progress?.finish())
    const named = flags['all-tags'] ? reference : withDefaultTag(reference)
    if (flags.quiet) stdout.write(`${formatReference(named)}\n`)
    else
      for (const { tag, digest, size } of results) stdout.write(`${tag}: digest: ${digest} size: ${size}\n`)
    return 0
  },
})
