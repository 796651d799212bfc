import { failure } from '../../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../../command.ts'
import { integer, parsed } from '../../flags/flag.ts'
import { hostText } from '../../rows/ports-text.ts'
import { chooseProject } from '../choose-project.ts'
import { pickContainer } from '../pick-container.ts'

function parseProtocol(word: string): 'tcp' | 'udp' {
  if (word === 'tcp' || word === 'udp') return word
  throw new Error('must be tcp or udp')
}

const flags = {
  index: integer('Index of the container if service has multiple replicas'),
  protocol: parsed('tcp or udp', parseProtocol),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SERVICE PRIVATE_PORT'],
  summary: 'Print the public port for a port binding',
  arguments: [2, 2],
  flags,
  async run({ flags, args: [service = '', port = ''] }, context) {
    const project = await chooseProject(context, [service])
    const engine = await context.engine()
    const { name, details } = await pickContainer({ engine }, project.name, service, { index: flags.index })
    const protocol = flags.protocol ?? 'tcp'
    const found = details.ports.find((one) => one.containerPort === Number(port) && one.protocol === protocol)
    if (found === undefined)
      throw failure('COMPOSE_FAILED', { reason: `no port ${port}/${protocol} for container ${name}` })
    context.io.stdout.write(`${hostText(found.hostIp === '' ? '0.0.0.0' : found.hostIp)}:${found.hostPort}\n`)
    return 0
  },
})
