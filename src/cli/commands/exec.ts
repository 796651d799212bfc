import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { parseDetachKeys } from '../../util/detach-keys.ts'
import { list, text, toggle } from '../flags/flag.ts'
import { variables } from '../flags/pair-lists.ts'
import { readVariables, resolveVariables } from '../input/read-variables.ts'
import { streamContainer } from '../container/stream-container.ts'

const flags = {
  detach: toggle('Detached mode: run command in the background', { short: 'd' }),
  'detach-keys': text('Override the key sequence for detaching a container'),
  env: variables('Set environment variables'),
  'env-file': list('Read in a file of environment variables'),
  interactive: toggle('Keep STDIN open even if not attached', { short: 'i' }),
  privileged: toggle('Give extended privileges to the command'),
  tty: toggle('Allocate a pseudo-TTY', { short: 't' }),
  user: text('Username or UID (format: "<name|uid>[:<group|gid>]")', { short: 'u' }),
  workdir: text('Working directory inside the container', { short: 'w' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER COMMAND [ARG...]'],
  summary: 'Execute a command in a running container',
  arguments: [2, Infinity],
  flags,
  stopAtArgument: true,
  async run({ flags, args: [name = '', ...command] }, context) {
    const detachKeys = flags['detach-keys']
    if (detachKeys !== undefined) parseDetachKeys(detachKeys)
    if (flags.tty && flags.interactive && !flags.detach && !context.io.stdin.isTTY) {
      throw failure('CLI_FAILED', { reason: 'the input device is not a TTY' })
    }
    const files = await Promise.all(flags['env-file'].map((path) => readVariables(path, 'env', context.env)))
    const { containers } = await context.engine()
    const stdin = flags.interactive && !flags.detach
    await using process = await containers.exec(name, {
      command,
      env: [...files.flat(), ...resolveVariables(flags.env, context.env)],
      ...(flags.workdir === undefined ? {} : { workingDir: flags.workdir }),
      ...(flags.user === undefined ? {} : { user: flags.user }),
      tty: flags.tty,
      stdin,
      privileged: flags.privileged,
      detach: flags.detach,
    })
    if (flags.detach) return 0
    const end = await streamContainer(process, context.io, {
      tty: flags.tty,
      stdin,
      detachKeys,
      signal: context.signal,
    })
    return end === 'detached' ? 0 : await process.wait()
  },
})
