import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { containerFlags } from '../container/container-flags.ts'
import { containerUpdate } from '../container/container-request.ts'
import { errorLine } from '../report-error.ts'

const flags = {
  'cpu-period': containerFlags['cpu-period'],
  'cpu-quota': containerFlags['cpu-quota'],
  'cpu-shares': containerFlags['cpu-shares'],
  cpus: containerFlags.cpus,
  'cpuset-cpus': containerFlags['cpuset-cpus'],
  'cpuset-mems': containerFlags['cpuset-mems'],
  memory: containerFlags.memory,
  'memory-reservation': containerFlags['memory-reservation'],
  'memory-swap': containerFlags['memory-swap'],
  'pids-limit': containerFlags['pids-limit'],
  restart: containerFlags.restart,
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Update configuration of one or more containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args, given }, context) {
    if (given.size === 0)
      throw failure('CLI_FAILED', { reason: 'you must provide one or more flags when using this command' })
    const { containers } = await context.engine()
    const update = containerUpdate(flags)
    const warnings: string[] = []
    let code = 0
    for (const name of args) {
      try {
        warnings.push(...(await containers.update(name, update)))
        context.io.stdout.write(`${name}\n`)
      } catch (error) {
        context.io.stderr.write(`${errorLine(error)}\n`)
        code = 1
      }
    }
    for (const warning of new Set(warnings)) context.io.stderr.write(`WARNING: ${warning}\n`)
    return code
  },
})
