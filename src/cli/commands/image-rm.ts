import { isMilleError } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { errorLine } from '../report-error.ts'
import { toggle } from '../flags/flag.ts'
import { platformFlag } from '../flags/platform-flag.ts'
import { removalLines } from '../rows/removal-lines.ts'

const flags = {
  force: toggle('Force removal of the image', { short: 'f' }),
  platform: platformFlag('Remove only an image of the given platform: os[/arch[/variant]]'),
  'no-prune': toggle('Do not delete untagged parents'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [IMAGE...]'],
  summary: 'Remove one or more images',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { images } = await context.engine()
    const { io } = context
    const { force, platform } = flags
    const options = { force, prune: !flags['no-prune'], ...(platform !== undefined && { platform }) }
    let code = 0
    for (const name of args) {
      try {
        const lines = await images.remove(name, options)
        io.stdout.write(removalLines(lines))
      } catch (error) {
        if (context.signal.aborted) throw error
        io.stderr.write(`${errorLine(error)}\n`)
        // with force an image that is not there is what was asked for
        if (!(flags.force && isMilleError(error) && error.kind === 'not-found')) code = 1
      }
    }
    return code
  },
})
