import { buildService } from '../../../compose/run/images.ts'
import { inOrder } from '../../../compose/run/order.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { list, text, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  'build-arg': list('Set build-time variables for services'),
  memory: text('Set memory limit for the build container', { short: 'm', type: 'bytes' }),
  'no-cache': toggle('Do not use cache when building the image'),
  pull: toggle('Always attempt to pull a newer version of the image'),
  push: toggle('Push service images'),
  quiet: toggle('Suppress the build output', { short: 'q' }),
  ssh: list(
    "Set SSH authentications used when building service images. (use 'default' for using your default SSH Agent)",
  ),
  'with-dependencies': toggle('Also build dependencies (transitively)'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Build or rebuild services',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const project = await chooseProject(context, args, { dependencies: flags['with-dependencies'] })
    const parts = await composeParts(context, { quietBuild: flags.quiet })
    const built = Object.entries(project.services).filter(([, { build }]) => build !== undefined)
    if (built.length === 0) parts.warn('No services to build')
    // a service may be built on the image of one that it depends on
    await inOrder({ services: Object.fromEntries(built) }, async (name) => {
      await buildService(parts, project, name, {
        noCache: flags['no-cache'],
        pull: flags.pull,
        push: flags.push,
        args: flags['build-arg'],
        ssh: flags.ssh,
        memory: flags.memory,
      })
    })
    return 0
  },
})
