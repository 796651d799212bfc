import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { parseDetachKeys } from '../../util/detach-keys.ts'
import { text, toggle } from '../flags/flag.ts'
import { proxySignals } from '../container/proxy-signals.ts'
import { streamContainer } from '../container/stream-container.ts'

const flags = {
  'detach-keys': text('Override the key sequence for detaching a container'),
  'no-stdin': toggle('Do not attach STDIN'),
  'sig-proxy': toggle('Proxy all received signals to the process', { initial: true }),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS] CONTAINER'],
  summary: 'Attach local standard input, output, and error streams to a running container',
  arguments: [1, 1],
  flags,
  async run({ flags, args: [name = ''] }, context) {
    const detachKeys = flags['detach-keys']
    if (detachKeys !== undefined) parseDetachKeys(detachKeys)
    const { containers } = await context.engine()
    const { id, state, config } = await containers.inspect(name)
    if (state.status === 'paused') {
      throw failure('CLI_FAILED', { reason: 'You cannot attach to a paused container, unpause it first' })
    }
    if (state.status === 'restarting') {
      const reason = 'You cannot attach to a restarting container, wait until it is running'
      throw failure('CLI_FAILED', { reason })
    }
    if (state.status !== 'running') {
      throw failure('CLI_FAILED', { reason: 'You cannot attach to a stopped container, start it first' })
    }
    const stdin = config.OpenStdin && !flags['no-stdin']
    if (config.Tty && stdin && !context.io.stdin.isTTY) {
      throw failure('CLI_FAILED', { reason: 'the input device is not a TTY' })
    }
    await using attachment = await containers.attach(id, { stdin })
    using _signals =
      flags['sig-proxy'] && !config.Tty ? proxySignals(context.signals, containers, id) : undefined
    const end = await streamContainer(attachment, context.io, {
      tty: config.Tty,
      stdin,
      detachKeys,
      signal: context.signal,
    })
    if (end === 'detached') {
      context.io.stderr.write('read escape sequence\n')
      return 0
    }
    return await containers.wait(id, { signal: context.signal })
  },
})
