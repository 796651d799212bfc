import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { hostText } from '../rows/ports-text.ts'

const flags = {}

export const command: AnyCommand = defineCommand({
  usage: ['CONTAINER [PRIVATE_PORT[/PROTO]]'],
  summary: 'List port mappings or a specific mapping for the container',
  arguments: [1, 2],
  flags,
  async run({ args: [name = '', wanted] }, context) {
    const { containers } = await context.engine()
    const { ports } = await containers.inspect(name)
    const key = wanted === undefined || wanted.includes('/') ? wanted : `${wanted}/tcp`
    const shown = ports
      .filter(({ containerPort, protocol }) => key === undefined || key === `${containerPort}/${protocol}`)
      .toSorted((a, b) => a.containerPort - b.containerPort || a.hostPort - b.hostPort)
    if (wanted !== undefined && shown.length === 0) {
      throw failure('CLI_FAILED', { reason: `Error: No public port '${wanted}' published for ${name}` })
    }
    for (const { hostIp, hostPort, containerPort, protocol } of shown) {
      const outside = `${hostText(hostIp === '' ? '0.0.0.0' : hostIp)}:${hostPort}`
      context.io.stdout.write(
        wanted === undefined ? `${containerPort}/${protocol} -> ${outside}\n` : `${outside}\n`,
      )
    }
    return 0
  },
})
