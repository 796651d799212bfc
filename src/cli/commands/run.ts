import type { Containers, ContainerRequest } from '../../containers/containers.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { containerFlags } from '../container/container-flags.ts'
import { containerRequest } from '../container/container-request.ts'
import { createContainer } from '../container/create-container.ts'
import { parseDetachKeys } from '../../util/detach-keys.ts'
import { text, toggle } from '../flags/flag.ts'
import { proxySignals } from '../container/proxy-signals.ts'
import { streamContainer } from '../container/stream-container.ts'

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
    const { attach } = flags
    const needsTerminal = request.tty && request.openStdin && !context.io.stdin.isTTY
    const problem = conflict(flags.detach, attach, needsTerminal)
    if (problem !== undefined) {
      context.io.stderr.write(`${problem}\n`)
      return 1
    }
    const detachKeys = flags['detach-keys']
    if (detachKeys !== undefined) parseDetachKeys(detachKeys)
    const id = await createContainer(
      request,
      { pull: flags.pull ?? 'missing', quiet: flags.quiet, cidfile: flags.cidfile, toStart: true },
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
    await orUndo(containers, id, request, () => containers.start(id))
    context.io.stdout.write(`${id}\n`)
    return 0
  },
})

/** What cannot be done with this terminal or these flags together; Docker exits with 1 here. */
function conflict(detach: boolean, attach: readonly string[], needsTerminal: boolean): string | undefined {
  if (detach)
    return attach.length > 0 ? 'conflicting options: cannot specify both --attach and --detach' : undefined
  return needsTerminal ? 'the input device is not a TTY' : undefined
}

/** Attaching prepares the container: it fails as starting does. */
async function orUndo<Result>(
  containers: Containers,
  id: string,
  request: ContainerRequest,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
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
  await using attachment = await orUndo(containers, id, request, () => containers.attach(id, { stdin }))
  const waiting = new AbortController()
  const exited = containers.wait(id, {
    condition: request.autoRemove ? 'removed' : 'next-exit',
    signal: waiting.signal,
  })
  // the exit code is asked for before the start, so that no exit is missed; a start that fails must not leave it behind
  exited.catch(() => undefined)
  try {
    await orUndo(containers, id, request, () => containers.start(id))
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
