import type { Containers, ContainerRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { containerFlags } from '../container-flags.ts'
import { containerRequest } from '../container-request.ts'
import { createContainer } from '../create-container.ts'
import { parseDetachKeys } from '../detach-keys.ts'
import { text, toggle } from '../flags/flag.ts'
import { proxySignals } from '../proxy-signals.ts'
import { streamContainer } from '../stream-container.ts'

const flags = {
  ...containerFlags,
  detach: toggle('Run container in background and print container ID', { short: 'd' }),
  'detach-keys': text('Override the key sequence for detaching a container'),
  'sig-proxy': toggle('Proxy received signals to the process', { initial: true }),
}

interface Foreground {
  readonly attach: readonly string[]
  readonly detachKeys: string | undefined
  readonly sigProxy: boolean
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] IMAGE [COMMAND] [ARG...]'],
  summary: 'Create and run a new container from an image',
  arguments: [1, Infinity],
  flags,
  stopAtArgument: true,
  failsAsRun: true,
  async run({ flags, args }, context) {
    const request = await containerRequest(flags, args, context.env)
    const attach = flags.attach.map((name) => name.toLowerCase())
    checkAttach(attach, flags.detach)
    const detachKeys = flags['detach-keys']
    if (detachKeys !== undefined) parseDetachKeys(detachKeys)
    if (request.tty && request.openStdin && !flags.detach && !context.io.stdin.isTTY) {
      throw failure('CLI_FAILED', { reason: 'the input device is not a TTY' })
    }
    const id = await createContainer(
      request,
      { pull: flags.pull ?? 'missing', quiet: flags.quiet, cidfile: flags.cidfile },
      context,
    )
    const { containers } = await context.engine()
    if (!flags.detach) {
      return await runAttached(
        containers,
        id,
        request,
        { attach, detachKeys, sigProxy: flags['sig-proxy'] },
        context,
      )
    }
    await startOrUndo(containers, id, request)
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})

function checkAttach(attach: readonly string[], detach: boolean): void {
  for (const name of attach) {
    if (!['stdin', 'stdout', 'stderr'].includes(name)) {
      throw failure('CLI_FAILED', {
        reason: `invalid argument "${name}" for -a: valid streams are STDIN, STDOUT and STDERR`,
      })
    }
  }
  if (detach && attach.length > 0) {
    throw failure('CLI_FAILED', { reason: 'conflicting options: cannot specify both --attach and --detach' })
  }
}

async function startOrUndo(containers: Containers, id: string, request: ContainerRequest): Promise<void> {
  try {
    await containers.start(id)
  } catch (error) {
    // as Docker: what could not start stays to be looked at, unless it was to be removed anyway
    if (request.autoRemove) await containers.remove(id, { force: true, volumes: true }).catch(() => undefined)
    throw error
  }
}

async function runAttached(
  containers: Containers,
  id: string,
  request: ContainerRequest,
  foreground: Foreground,
  context: CommandContext,
): Promise<number> {
  const wanted = (name: string): boolean => foreground.attach.length === 0 || foreground.attach.includes(name)
  const stdin = request.openStdin && wanted('stdin')
  await using attachment = await containers.attach(id, { stdin })
  const waiting = new AbortController()
  const exited = containers.wait(id, {
    condition: request.autoRemove ? 'removed' : 'next-exit',
    signal: waiting.signal,
  })
  // the exit code is asked for before the start, so that no exit is missed; a start that fails must not leave it behind
  exited.catch(() => undefined)
  try {
    await startOrUndo(containers, id, request)
    using _signals =
      foreground.sigProxy && !request.tty ? proxySignals(context.signals, containers, id) : undefined
    const end = await streamContainer(attachment, context.io, {
      tty: request.tty,
      stdin,
      stdout: wanted('stdout'),
      stderr: wanted('stderr'),
      detachKeys: foreground.detachKeys,
      signal: context.signal,
    })
    return end === 'detached' ? 0 : await exited
  } finally {
    waiting.abort()
  }
}
