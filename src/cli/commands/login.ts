import { text as readText } from 'node:stream/consumers'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { type FlagValues, text, toggle } from '../flags/flag.ts'
import { askLine } from '../input/confirm.ts'

const flags = {
  password: text('Password or Personal Access Token (PAT)', { short: 'p' }),
  'password-stdin': toggle('Take the Password or Personal Access Token (PAT) from stdin'),
  username: text('Username', { short: 'u' }),
}

interface Given {
  readonly username: string | undefined
  readonly password: string | undefined
  readonly fromStdin: boolean
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] [SERVER]'],
  summary: 'Authenticate to a registry',
  arguments: [0, 1],
  flags,
  async run({ flags, args: [server = 'docker.io'] }, context) {
    const { stdout, stderr } = context.io
    checkTogether(flags)
    if (flags.password !== undefined) {
      stderr.write('WARNING! Using --password via the CLI is insecure. Use --password-stdin.\n')
    }
    const credentials = await readCredentials(
      { username: flags.username, password: flags.password, fromStdin: flags['password-stdin'] },
      context,
    )
    const { registries } = await context.engine()
    stdout.write(`${await registries.login(server, credentials)}\n`)
    return 0
  },
})

function checkTogether(given: FlagValues<typeof flags>): void {
  if (!given['password-stdin']) return
  if (given.password !== undefined) {
    const reason = 'conflicting options: cannot specify both --password and --password-stdin'
    throw failure('CLI_FAILED', { reason })
  }
  if (given.username === undefined) {
    const reason = 'the --password-stdin option requires --username to be set'
    throw failure('CLI_FAILED', { reason })
  }
}

async function readCredentials(
  { username, password, fromStdin }: Given,
  context: CommandContext,
): Promise<{ username: string; password: string }> {
  const { stdin } = context.io
  if (fromStdin && username !== undefined)
    return { username, password: (await readText(stdin)).replace(/\r?\n$/, '') }
  if ((username === undefined || password === undefined) && !stdin.isTTY) {
    const reason =
      'Error: Cannot perform an interactive login from a non TTY device: use --username and --password-stdin'
    throw failure('CLI_FAILED', { reason })
  }
  const user = username ?? (await askLine('Username: ', context)).trim()
  if (user === '') throw failure('CLI_FAILED', { reason: 'Error: Non-null Username Required' })
  const secret = password ?? (await askLine('Password: ', context, { hidden: true }))
  if (secret === '') throw failure('CLI_FAILED', { reason: 'Error: Password Required' })
  return { username: user, password: secret }
}
