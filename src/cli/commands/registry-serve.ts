import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { text, toggle } from '../flags/flag.ts'

const flags = {
  address: text('Address to listen on: [HOST]:PORT (default 127.0.0.1:5000)', { short: 'a' }),
  quiet: toggle('Do not log requests', { short: 'q' }),
  storage: text('Folder of the registry (default below the store)'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Serve a registry over HTTP',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { io, signal } = context
    const { host, port } = parseAddress(flags.address ?? '127.0.0.1:5000')
    const engine = await context.engine()
    const { url, closed } = await engine.registries.serve({
      host,
      port,
      signal,
      ...(flags.storage === undefined ? {} : { root: flags.storage }),
      ...(flags.quiet ? {} : { onLog: (line: string) => void io.stderr.write(`${line}\n`) }),
    })
    io.stdout.write(`Registry listens on ${url}\n`)
    await closed
    return 0
  },
})

function parseAddress(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d+)$|^(\d+)$/.exec(address)
  const port = Number(match?.[3] ?? match?.[4])
  if (!match || port > 65535) {
    throw failure('CLI_FAILED', {
      reason: `invalid address "${address}": use HOST:PORT, e.g. 127.0.0.1:5000`,
    })
  }
  const host = match[1] ?? match[2] ?? '127.0.0.1'
  return { host: host === '' ? '0.0.0.0' : host, port }
}
