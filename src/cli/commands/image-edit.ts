import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { parsePair } from '../flags/artifact-flags.ts'
import { list, text } from '../flags/flag.ts'

const flags = {
  annotation: list('Set an annotation of the manifest: key=value'),
  change: list('Apply a Dockerfile instruction: CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, USER, WORKDIR, ...', {
    short: 'c',
  }),
  tag: text('Name of the edited image (default the same name)', { short: 't' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE'],
  summary: 'Change the settings of an image in its registry, without moving its layers',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    if (flags.change.length + flags.annotation.length === 0) {
      throw failure('CLI_FAILED', { reason: 'nothing to change: use --change or --annotation' })
    }
    const { manifests } = await context.engine()
    const { digest, size } = await manifests.edit(
      name,
      {
        changes: flags.change,
        annotations: Object.fromEntries(flags.annotation.map(parsePair)),
        ...(flags.tag !== undefined && { target: flags.tag }),
      },
      { signal: context.signal },
    )
    context.io.stdout.write(`${flags.tag ?? name}: digest: ${digest} size: ${size}\n`)
    return 0
  },
})
