import { pullService } from '../../../compose/run/images.ts'
import { imageName } from '../../../compose/names.ts'
import { errorLine } from '../../report-error.ts'
import { isMilleError } from '../../../util/errors.ts'
import { eachLimited } from '../../../util/each-limited.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { parsed, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

function parsePolicy(word: string): 'missing' | 'always' {
  if (word === 'missing' || word === 'always') return word
  throw new Error('must be "missing" or "always"')
}

const flags = {
  'ignore-buildable': toggle('Ignore images that can be built'),
  'ignore-pull-failures': toggle('Pull what it can and ignores images with pull failures'),
  'include-deps': toggle('Also pull services declared as dependencies'),
  policy: parsed('Apply pull policy ("missing"|"always")', parsePolicy),
  quiet: toggle('Pull without printing progress information', { short: 'q' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Pull service images',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args, { dependencies: flags['include-deps'] })
    const parts = await composeParts(context, { quiet: flags.quiet })
    const { images } = parts.engine
    const here = new Set((await images.list()).flatMap(({ repoTags }) => repoTags))
    const services = Object.entries(project.services).filter(([name, { image, build, pull_policy }]) => {
      const skip = (why: string): false => {
        parts.report('Image', imageName(project, name, project.services[name] ?? {}), `Skipped - ${why}`)
        return false
      }
      if (image === undefined) return skip('No image to be pulled')
      if (build !== undefined && (flags['ignore-buildable'] || pull_policy === 'build'))
        return skip('Image can be built')
      const isHere = here.has(image) || here.has(`${image}:latest`)
      return flags.policy === 'missing' && isHere ? skip('Image is already present locally') : true
    })
    const wanted = [...Map.groupBy(services, ([, { image = '' }]) => image).values()].flatMap(([first]) =>
      first === undefined ? [] : [first[0]],
    )
    await eachLimited(wanted, 4, async (name) => {
      try {
        await pullService(parts, project, name)
      } catch (error) {
        const canBuild = project.services[name]?.build !== undefined
        if (isMilleError(error, 'CANCELED') || (!flags['ignore-pull-failures'] && !canBuild)) throw error
        context.io.stderr.write(`${errorLine(error)}\n`)
      }
    })
    return 0
  },
})
