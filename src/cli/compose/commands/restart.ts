import { selectServices, withDependents } from '../../../compose/model/select-services.ts'
import { eachContainer } from '../../../compose/run/lifecycle.ts'
import { runHooks } from '../../../compose/run/hooks.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'

const flags = {
  'no-deps': toggle("Don't restart dependent services"),
  timeout: integer('Specify a shutdown timeout in seconds', { short: 't' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE...]'],
  summary: 'Restart service containers',
  arguments: [0, Infinity],
  flags,
  async run({ flags, args }, context) {
    const whole = await chooseProject(context)
    const chosen = flags['no-deps'] ? args : withDependents(whole, args)
    const project = args.length === 0 ? whole : selectServices(whole, chosen)
    const parts = await composeParts(context)
    await eachContainer(parts, project, async ({ id, name, service, details }) => {
      parts.report('Container', name, 'Restarting')
      const { pre_stop = [], post_start = [] } = project.services[service] ?? {}
      if (details.state.status === 'running') await runHooks(parts, id, pre_stop)
      await parts.engine.containers.restart(id, flags.timeout === undefined ? {} : { timeout: flags.timeout })
      await runHooks(parts, id, post_start)
      parts.report('Container', name, 'Started')
    })
    return 0
  },
})
