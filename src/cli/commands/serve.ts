import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { parseListenAddress, type ListenAddress } from '../../api/http/listen.ts'
import { serveApi, type ServeOptions } from '../../api/serve.ts'
import { defaultSocket } from '../../engine/state-folder.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { list, text, toggle, type FlagValues } from '../flags/flag.ts'
import { errorLine } from '../report-error.ts'

const flags = {
  host: list('Address to listen on: unix:///path or tcp://HOST:PORT (default a socket in /run)', {
    short: 'H',
  }),
  tls: toggle('Use TLS on TCP addresses'),
  tlscacert: text('Trust certificates of clients signed only by this CA'),
  tlscert: text('TLS certificate file'),
  tlskey: text('TLS key file'),
  tlsverify: toggle('Use TLS and verify the clients'),
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Serve the Docker Engine API',
  arguments: [0, 0],
  flags,
  async run({ flags }, context) {
    const { io } = context
    const addresses =
      flags.host.length === 0 ? [defaultAddress(context.env)] : flags.host.map(parseListenAddress)
    const tls = tlsOptions(flags)
    refusePlainTcp(addresses, tls)
    const stopped = new AbortController()
    // a server that was told to stop has done its work: no error, unlike a command that was cut short
    const release = context.signals.intercept((signal) => {
      if (signal === 'SIGTERM' || signal === 'SIGINT') stopped.abort()
    })
    try {
      const engine = await context.engine()
      await using server = await serveApi(engine, {
        addresses,
        ...(tls && { tls }),
        onLog: (line) => void io.stderr.write(`${line}\n`),
      })
      for (const address of server.addresses) io.stdout.write(`API listens on ${address}\n`)
      // as Docker's daemon does when it starts; clients are served meanwhile
      await engine.containers.resume().catch((error: unknown) => {
        io.stderr.write(`${errorLine(error)}\n`)
      })
      if (!stopped.signal.aborted) await once(stopped.signal, 'abort')
    } finally {
      release()
    }
    return 0
  },
})

function defaultAddress(env: Readonly<Record<string, string | undefined>>): ListenAddress {
  return { kind: 'unix', path: defaultSocket(env) }
}

/** Who reaches the API is root on this machine: over a network only with a certificate. */
function refusePlainTcp(addresses: readonly ListenAddress[], tls: ServeOptions['tls']): void {
  for (const address of addresses) {
    if (address.kind === 'unix' || isLoopback(address.host) || tls?.ca !== undefined) continue
    throw failure('CLI_FAILED', {
      reason: `tcp://${address.host}:${address.port} would give root to everybody who can reach it: use --tlsverify with --tlscacert, --tlscert and --tlskey`,
    })
  }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
}

function tlsOptions(values: FlagValues<typeof flags>): ServeOptions['tls'] {
  if (!values.tls && !values.tlsverify) return undefined
  const { tlscert, tlskey, tlscacert } = values
  if (tlscert === undefined || tlskey === undefined || (values.tlsverify && tlscacert === undefined)) {
    const needed = values.tlsverify ? '--tlscacert, --tlscert and --tlskey' : '--tlscert and --tlskey'
    throw failure('CLI_FAILED', { reason: `TLS needs ${needed}` })
  }
  return {
    cert: readPem(tlscert),
    key: readPem(tlskey),
    ...(values.tlsverify && tlscacert !== undefined && { ca: readPem(tlscacert) }),
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}
