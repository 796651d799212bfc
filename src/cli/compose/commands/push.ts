import { errorLine } from '../../report-error.ts'
import { isMilleError } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  'ignore-push-failures': toggle('Push what it can and ignores images with push failures'),
  'include-deps': toggle('Also push images of services declared as dependencies'),
  quiet: toggle('Push without printing progress information', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Push service images',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args, { dependencies: flags['include-deps'] })
    const parts = await composeParts(context, { quiet: flags.quiet })
    // what is only used is somebody else's to push
    const built = Object.values(project.services).filter(({ build }) => build !== undefined)
    const names = new Set(
      built.flatMap(({ image, build }) => [...(image === undefined ? [] : [image]), ...(build?.tags ?? [])]),
    )
    for (const name of names) {
      parts.report('Image', name, 'Pushing')
      try {
        await parts.engine.images.push(name, { signal: context.signal })
        parts.report('Image', name, 'Pushed')
      } catch (error) {
        if (isMilleError(error, 'CANCELED') || !flags['ignore-push-failures']) throw error
        context.io.stderr.write(`${errorLine(error)}\n`)
      }
    }
    return 0
  },
})
