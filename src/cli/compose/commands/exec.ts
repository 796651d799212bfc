import { type AnyCommand, defineCommand } from '../../command.ts'
import { streamContainer } from '../../container/stream-container.ts'
import { integer, text, toggle } from '../../flags/flag.ts'
import { variables } from '../../flags/pair-lists.ts'
import { resolveVariables } from '../../input/read-variables.ts'
import { chooseProject } from '../choose-project.ts'
import { pickContainer } from '../pick-container.ts'

const flags = {
  detach: toggle('Detached mode: Run command in the background', { short: 'd' }),
  env: variables('Set environment variables'),
  index: integer('Index of the container if service has multiple replicas'),
  interactive: toggle('Keep STDIN open even if not attached', { short: 'i', initial: true, hidden: true }),
  'no-tty': toggle('Disable pseudo-TTY allocation. By default `compose exec` allocates a TTY.', {
    short: 'T',
  }),
  privileged: toggle('Give extended privileges to the process'),
  tty: toggle('Allocate a pseudo-TTY', { short: 't', initial: true, hidden: true }),
  user: text('Run the command as this user', { short: 'u' }),
  workdir: text('Path to workdir directory for this command', { short: 'w' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] SERVICE COMMAND [ARGS...]'],
  summary: 'Execute a command in a running container',
  arguments: [2, Infinity],
  flags,
  stopAtArgument: true,
  async run({ flags, args: [service = '', ...command] }, context) {
    const project = await chooseProject(context, [service])
    const engine = await context.engine()
    const { id } = await pickContainer({ engine }, project.name, service, { index: flags.index })
    const isTerminal = context.io.stdin.isTTY === true && context.io.stdout.isTTY === true
    const tty = flags.tty && !flags['no-tty'] && isTerminal && !flags.detach
    const stdin = flags.interactive && !flags.detach
    await using process = await engine.containers.exec(id, {
      command,
      env: resolveVariables(flags.env, context.env),
      ...(flags.workdir !== undefined && { workingDir: flags.workdir }),
      ...(flags.user !== undefined && { user: flags.user }),
      tty,
      stdin,
      privileged: flags.privileged,
      detach: flags.detach,
    })
    if (flags.detach) return 0
    const end = await streamContainer(process, context.io, {
      tty,
      stdin,
      detachKeys: undefined,
      signal: context.signal,
    })
    return end === 'detached' ? 0 : await process.wait()
  },
})
