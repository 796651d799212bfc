import type { Containers } from '../../containers/containers.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import { errorLine, startFailureCode } from '../report-error.ts'
import { text, toggle } from '../flags/flag.ts'
import { proxySignals } from '../container/proxy-signals.ts'
import { streamContainer } from '../container/stream-container.ts'

const flags = {
  attach: toggle('Attach STDOUT/STDERR and forward signals', { short: 'a' }),
  'detach-keys': text('Override the key sequence for detaching a container'),
  interactive: toggle("Attach container's STDIN", { short: 'i' }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER [CONTAINER...]'],
  summary: 'Start one or more stopped containers',
  arguments: [1, Infinity],
  flags,
  async run({ flags, args }, context) {
    const { containers } = await context.engine()
    if (flags.attach || flags.interactive) {
      const [name = ''] = args
      if (args.length > 1)
        throw failure('CLI_FAILED', { reason: 'you cannot start and attach multiple containers at once' })
      return await startAttached(containers, name, flags.interactive, flags['detach-keys'], context)
    }
    const failed: string[] = []
    for (const name of args) {
      try {
        await startQuietly(containers, name)
        context.io.stdout.write(`${name}\n`)
      } catch (error) {
        context.io.stderr.write(`${errorLine(error)}\n`)
        failed.push(name)
      }
    }
    if (failed.length === 0) return 0
    context.io.stderr.write(`Error: failed to start containers: ${failed.join(', ')}\n`)
    return 1
  },
})

/** A container that runs already is as wanted. */
async function startQuietly(containers: Containers, name: string): Promise<void> {
  try {
    await containers.start(name)
  } catch (error) {
    if (!isMilleError(error) || error.kind !== 'not-modified') throw error
  }
}

async function startAttached(
  containers: Containers,
  name: string,
  interactive: boolean,
  detachKeys: string | undefined,
  context: CommandContext,
): Promise<number> {
  const { id, config } = await containers.inspect(name)
  const stdin = interactive && config.OpenStdin
  await using attachment = await containers.attach(id, { stdin })
  const waiting = new AbortController()
  const exited = containers.wait(id, { condition: 'next-exit', signal: waiting.signal })
  exited.catch(() => undefined)
  try {
    await startQuietly(containers, id)
    using _signals = config.Tty ? undefined : proxySignals(context.signals, containers, id)
    const end = await streamContainer(attachment, context.io, {
      tty: config.Tty,
      stdin,
      detachKeys,
      signal: context.signal,
    })
    return end === 'detached' ? 0 : await exited
  } catch (error) {
    const code = startFailureCode(error)
    if (code === undefined) throw error
    context.io.stderr.write(`${errorLine(error)}\n`)
    return code
  } finally {
    waiting.abort()
  }
}
