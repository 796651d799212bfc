import type { OpenedFailure } from '../../builder/build.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, toggle } from '../flags/flag.ts'
import { humanDuration } from '../../util/human-duration.ts'
import { parseSecret, parseSsh } from '../input/parse-secret.ts'
import { oneLine } from '../format/one-line.ts'

const flags = {
  interactive: toggle('Give standard input to the command', { short: 'i' }),
  secret: list('Secret to expose, as the build did (format: "id=mysecret[,src=/local/secret]")'),
  ssh: list('SSH agent socket or keys to expose, as the build did'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [STEP [-- COMMAND [ARG...]]]'],
  summary: 'Open a shell where a step of a build failed',
  arguments: [0, Infinity],
  flags,
  stopAtArgument: true,
  async run({ flags, args }, context) {
    const { env, io } = context
    const { id, command } = readArguments(args)
    const isShell = command === undefined
    const tty = isShell && io.stdin.isTTY === true && io.stdout.isTTY === true
    const takesInput = !tty && (isShell || flags.interactive)
    const { builder } = await context.engine()
    const { exitCode } = await builder.debug(
      id,
      {
        ...(command && { command }),
        ...(tty && { terminal: { width: io.stdout.columns ?? 80, height: io.stdout.rows ?? 24 } }),
        io: {
          onOutput: (stream, chunk) => void io[stream].write(chunk),
          ...(takesInput && { stdin: io.stdin }),
        },
        secrets: await Promise.all(flags.secret.map((flag) => parseSecret(flag, env))),
        ssh: await Promise.all(flags.ssh.map((flag) => parseSsh(flag, env))),
        onOpen: (step) => {
          if (tty) io.stderr.write(openedText(step, context.now()))
        },
      },
      { signal: context.signal },
    )
    return exitCode
  },
})

/** Without an ID it is the step that failed last; a command needs one before it, the `--` may be left out. */
function readArguments(args: readonly string[]): { id?: string; command?: readonly string[] } {
  const [first, ...rest] = args
  if (first === undefined) return {}
  const command = rest[0] === '--' ? rest.slice(1) : rest
  return { id: first, ...(command.length > 0 && { command }) }
}

function openedText({ name, command, exitCode, createdAt, missing }: OpenedFailure, now: number): string {
  const ago = humanDuration(now - createdAt)
  const lines = [
    `${oneLine(name)}: exit code ${exitCode}, ${ago} ago`,
    `its command: ${oneLine(command.join(' '))}`,
    ...missing.map(
      (one) => `not here: ${one}; give it again with --${one.startsWith('ssh') ? 'ssh' : 'secret'}`,
    ),
  ]
  return lines.map((line) => `${line}\n`).join('')
}
