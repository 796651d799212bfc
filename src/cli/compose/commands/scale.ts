import { upProject } from '../../../compose/run/up.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { toggle } from '../../flags/flag.ts'
import { chooseProject } from '../choose-project.ts'
import { composeParts } from '../compose-parts.ts'
import { parseScales } from '../up-flags.ts'

const flags = { 'no-deps': toggle("Don't start linked services") }

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVICE=REPLICAS...]'],
  summary: 'Scale services',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const scales = parseScales(args)
    const names = [...scales.keys()]
    const project = await chooseProject(context, names, { dependencies: !flags['no-deps'] })
    await upProject(await composeParts(context), project, { scales, recreate: 'never', asked: names })
    return 0
  },
})
