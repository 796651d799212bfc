import { listContainers } from '../../../compose/run/observed.ts'
import { upProject, type UpOptions } from '../../../compose/run/up.ts'
import { startedAndHealthy } from '../../../compose/run/wait-running.ts'
import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, list, text, toggle } from '../../flags/flag.ts'
import { attachProject } from '../attach-project.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'
import { parseScales, upFlags, upOptions } from '../up-flags.ts'

const flags = {
  ...upFlags,
  'abort-on-container-exit': toggle(
    'Stops all containers if any container was stopped. Incompatible with -d',
  ),
  'abort-on-container-failure': toggle(
    'Stops all containers if any container exited with failure. Incompatible with -d',
  ),
  'attach-dependencies': toggle('Automatically attach to log output of dependent services'),
  attach: list('Restrict attaching to the specified services. Incompatible with --attach-dependencies.'),
  detach: toggle('Detached mode: Run containers in the background', { short: 'd' }),
  'exit-code-from': text(
    'Return the exit code of the selected service container. Implies --abort-on-container-exit',
  ),
  'no-attach': list('Do not attach (stream logs) to the specified services'),
  'no-color': toggle('Produce monochrome output'),
  'no-deps': toggle("Don't start linked services"),
  'no-log-prefix': toggle("Don't print prefix in logs"),
  'no-start': toggle("Don't start the services after creating them"),
  rolling: toggle('Start what changed beside the old containers, which stop when it is healthy'),
  timestamps: toggle('Show timestamps'),
  wait: toggle('Wait for services to be running|healthy. Implies detached mode.'),
  'wait-timeout': integer('Maximum duration in seconds to wait for the project to be running|healthy'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Create and start containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const isAborting =
      flags['abort-on-container-exit'] ||
      flags['abort-on-container-failure'] ||
      flags['exit-code-from'] !== undefined
    const isDetached = flags.detach || flags.wait
    if (isDetached && isAborting)
      throw failure('COMPOSE_FAILED', { reason: '--abort-on-container-exit and --detach are incompatible' })
    if (flags['force-recreate'] && flags['no-recreate'])
      throw failure('COMPOSE_FAILED', { reason: '--force-recreate and --no-recreate are incompatible' })
    if (flags.rolling && (flags['no-recreate'] || flags['no-start']))
      throw failure('COMPOSE_FAILED', {
        reason: '--rolling and --no-recreate or --no-start are incompatible',
      })
    const scales = parseScales(flags.scale)
    const project = await chooseProject(context, args, { dependencies: !flags['no-deps'] })
    const parts = await composeParts(context, { quietBuild: flags['quiet-build'] })
    const options: UpOptions = upOptions(flags, project, args, scales)
    const begun = BigInt(context.now()) * 1_000_000n
    await upProject(parts, project, {
      ...options,
      startsNothing: flags['no-start'],
      isRolling: flags.rolling,
    })
    if (flags['no-start']) return 0
    if (flags.wait) await startedAndHealthy(parts, project, flags['wait-timeout'])
    if (isDetached) return 0
    const shown =
      flags.attach.length > 0
        ? flags.attach
        : args.length === 0 || flags['attach-dependencies']
          ? Object.keys(project.services)
          : args
    const containers = (await listContainers(parts, project.name)).filter(({ service }) =>
      Object.hasOwn(project.services, service),
    )
    return await attachProject(parts, project, containers, context, {
      shown: shown.filter(
        (name) => !flags['no-attach'].includes(name) && project.services[name]?.attach !== false,
      ),
      since: begun,
      prefix: !flags['no-log-prefix'],
      color: !flags['no-color'],
      timestamps: flags.timestamps,
      abortsOn: flags['abort-on-container-failure'] ? 'failure' : isAborting ? 'exit' : 'never',
      codeFrom: flags['exit-code-from'],
      timeout: flags.timeout,
    })
  },
})
