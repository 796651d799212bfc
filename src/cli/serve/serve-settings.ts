import { failure } from '../../util/errors.ts'
import { list, text, toggle, type Flag, type FlagValues } from '../flags/flag.ts'
import { serveKeys, type ServeFile } from './serve-file.ts'

type Text = Flag<string | undefined>
type List = Flag<readonly string[]>

export const serveFlags: {
  readonly 'config-file': Text
  readonly 'data-root': Text
  readonly group: Text
  readonly host: List
  readonly 'insecure-registry': List
  readonly 'log-level': Text
  readonly 'registry-mirror': List
  readonly tls: Flag<boolean>
  readonly tlscacert: Text
  readonly tlscert: Text
  readonly tlskey: Text
  readonly tlsverify: Flag<boolean>
} = {
  'config-file': text('Settings as JSON, by the names that dockerd has (default serve.json in /etc/mille)'),
  'data-root': text('Folder of the store'),
  group: text('Group that may use unix sockets', { short: 'G' }),
  host: list('Address to listen on: unix:///path or tcp://HOST:PORT (default a socket in /run)', {
    short: 'H',
  }),
  'insecure-registry': list('Registry that may be reached without TLS'),
  'log-level': text('What is logged: debug (every request), info, warn, error, fatal', { short: 'l' }),
  'registry-mirror': list('URL that is asked for images of docker.io first'),
  tls: toggle('Use TLS on TCP addresses'),
  tlscacert: text('Trust certificates of clients signed only by this CA'),
  tlscert: text('TLS certificate file'),
  tlskey: text('TLS key file'),
  tlsverify: toggle('Use TLS and verify the clients'),
}

type Flags = FlagValues<typeof serveFlags>

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'fatal'
export const logLevels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error', 'fatal']

/** What a server goes by, wherever it was said. */
export interface ServeSettings {
  readonly hosts: readonly string[]
  readonly dataRoot: string | undefined
  readonly group: string | undefined
  readonly logLevel: LogLevel
  readonly registryMirrors: readonly string[]
  readonly insecureRegistries: readonly string[]
  readonly tls: boolean
  readonly tlsverify: boolean
  readonly tlscacert: string | undefined
  readonly tlscert: string | undefined
  readonly tlskey: string | undefined
}

/** The flag of a key whose name is another. */
const flagNames: Readonly<Record<string, string>> = {
  hosts: 'host',
  'insecure-registries': 'insecure-registry',
  'registry-mirrors': 'registry-mirror',
}

/**
 * Flags and file as one. As with dockerd none wins over the other: what is said in both is refused, so that nobody looks for
 * a setting in the place that does not count. CLI_FAILED.
 */
export function mergeSettings(
  flags: Flags,
  given: ReadonlySet<string>,
  file: ServeFile,
  path: string,
): ServeSettings {
  refuseDoubled(given, file, path)
  const level = flags['log-level'] ?? file['log-level'] ?? (file.debug === true ? 'debug' : 'info')
  const logLevel = logLevels.find((one) => one === level)
  if (logLevel === undefined) {
    throw failure('CLI_FAILED', {
      reason: `invalid log level: ${level}: there are ${logLevels.join(', ')}`,
    })
  }
  const either = (values: readonly string[], others: readonly string[] = []): readonly string[] =>
    values.length > 0 ? values : others
  return {
    hosts: either(flags.host, file.hosts),
    dataRoot: flags['data-root'] ?? file['data-root'],
    group: flags.group ?? file.group,
    logLevel,
    registryMirrors: either(flags['registry-mirror'], file['registry-mirrors']),
    insecureRegistries: either(flags['insecure-registry'], file['insecure-registries']),
    tls: flags.tls || file.tls === true,
    tlsverify: flags.tlsverify || file.tlsverify === true,
    tlscacert: flags.tlscacert ?? file.tlscacert,
    tlscert: flags.tlscert ?? file.tlscert,
    tlskey: flags.tlskey ?? file.tlskey,
  }
}

function refuseDoubled(given: ReadonlySet<string>, file: ServeFile, path: string): void {
  const doubled = serveKeys.filter((key) => key in file && given.has(flagNames[key] ?? key))
  if (doubled.length === 0) return
  throw failure('CLI_FAILED', {
    reason: `${path}: the following directives are specified both as a flag and in the configuration file: ${doubled.join(', ')}`,
  })
}
