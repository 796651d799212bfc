import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseListenAddress, type ListenAddress } from '../../api/http/listen.ts'
import { serveApi, type ServeOptions } from '../../api/serve.ts'
import { configFolders } from '../../engine/registry-settings.ts'
import { defaultSocket } from '../../engine/state-folder.ts'
import { fromNodeError } from '../../linux/system-failure.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, type CommandContext, defineCommand } from '../command.ts'
import type { FlagValues } from '../flags/flag.ts'
import { errorLine } from '../report-error.ts'
import { groupId } from '../serve/group-id.ts'
import { readServeFile } from '../serve/serve-file.ts'
import {
  logLevels,
  mergeSettings,
  serveFlags,
  type LogLevel,
  type ServeSettings,
} from '../serve/serve-settings.ts'

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Serve the Docker Engine API',
  arguments: [0, 0],
  flags: serveFlags,
  async run({ flags, given }, context) {
    const settings = readSettings(flags, given, context)
    const hosts = settings.hosts.length === 0 ? [`unix://${defaultSocket(context.env)}`] : settings.hosts
    const addresses = hosts.map(parseListenAddress)
    const tls = tlsOptions(settings)
    refusePlainTcp(addresses, tls)
    const group = settings.group === undefined ? undefined : groupId(settings.group)
    const stopped = new AbortController()
    // a server that was told to stop has done its work: no error, unlike a command that was cut short
    const release = context.signals.intercept((signal) => {
      if (signal === 'SIGTERM' || signal === 'SIGINT') stopped.abort()
    })
    const log = logger(context, settings.logLevel)
    try {
      const { dataRoot, insecureRegistries, registryMirrors } = settings
      const engine = await context.engine({
        insecureRegistries,
        registryMirrors,
        ...(dataRoot !== undefined && { root: dataRoot }),
      })
      await using server = await serveApi(engine, {
        addresses,
        group,
        ...(tls && { tls }),
        onLog: (line) => log('error', line),
        onRequest: settings.logLevel === 'debug' ? (line) => log('debug', line) : undefined,
      })
      for (const address of server.addresses) log('info', `API listens on ${address}`)
      // as Docker's daemon does when it starts; clients are served meanwhile
      await engine.containers.resume().catch((error: unknown) => log('error', errorLine(error)))
      if (!stopped.signal.aborted) await once(stopped.signal, 'abort')
    } finally {
      release()
    }
    return 0
  },
})

function readSettings(
  flags: FlagValues<typeof serveFlags>,
  given: ReadonlySet<string>,
  { env, engineOptions, debug }: CommandContext,
): ServeSettings {
  const [folder = '/etc/mille'] = configFolders(env)
  const path = flags['config-file'] ?? join(folder, 'serve.json')
  const file = readServeFile(path, flags['config-file'] !== undefined) ?? {}
  const settings = mergeSettings(flags, given, file, path)
  if (settings.dataRoot !== undefined && engineOptions.root !== undefined) {
    throw failure('CLI_FAILED', {
      reason: `the store is given twice: ${engineOptions.root} by --root, ${settings.dataRoot} as data-root`,
    })
  }
  return debug ? { ...settings, logLevel: 'debug' } : settings
}

function logger({ io }: CommandContext, least: LogLevel): (level: LogLevel, line: string) => void {
  return (level, line) => {
    if (logLevels.indexOf(level) < logLevels.indexOf(least)) return
    const output = level === 'info' ? io.stdout : io.stderr
    output.write(`${line}\n`)
  }
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

function tlsOptions(settings: ServeSettings): ServeOptions['tls'] {
  if (!settings.tls && !settings.tlsverify) return undefined
  const { tlscert, tlskey, tlscacert } = settings
  if (tlscert === undefined || tlskey === undefined || (settings.tlsverify && tlscacert === undefined)) {
    const needed = settings.tlsverify ? '--tlscacert, --tlscert and --tlskey' : '--tlscert and --tlskey'
    throw failure('CLI_FAILED', { reason: `TLS needs ${needed}` })
  }
  return {
    cert: readPem(tlscert),
    key: readPem(tlskey),
    ...(settings.tlsverify && tlscacert !== undefined && { ca: readPem(tlscacert) }),
  }
}

function readPem(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw fromNodeError(error, path)
  }
}
