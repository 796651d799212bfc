import { parseListen } from '../../registry/settings/parse-listen.ts'
import type {
  AuthSettings,
  ListenAddress,
  RegistrySettings,
  TlsSettings,
} from '../../registry/settings/registry-settings.ts'
import { failure } from '../../util/errors.ts'
import { type AnyCommand, defineCommand } from '../command.ts'
import { type FlagValues, parsed, text, toggle } from '../flags/flag.ts'
import { registrySettings } from '../input/registry-settings.ts'

const flags = {
  address: parsed('Address to listen on: [HOST]:PORT (default 127.0.0.1:5000)', parseAddress, { short: 'a' }),
  'anonymous-pull': toggle('With users: reading needs no login'),
  config: text('Configuration file; flags count more', { short: 'c' }),
  delete: toggle('Allow deleting', { initial: true }),
  htpasswd: text('File of the users, with bcrypt hashes'),
  quiet: toggle('Do not log requests', { short: 'q' }),
  storage: text('Folder of the registry (default below the store)'),
  'tls-cert': text('Certificate (PEM): serve HTTPS'),
  'tls-key': text('Key of the certificate (PEM)'),
  'tls-self-signed': toggle('Serve HTTPS with a certificate made here'),
}

interface Given {
  readonly flags: FlagValues<typeof flags>
  readonly given: ReadonlySet<string>
}

export const command: AnyCommand = defineCommand({
  usage: ['[OPTIONS]'],
  summary: 'Serve a registry over HTTP',
  arguments: [0, 0],
  flags,
  async run(call, context) {
    const { io, signal } = context
    const settings = await settingsOf(call)
    const engine = await context.engine()
    const { url, closed } = await engine.registries.serve({
      ...settings,
      signal,
      ...(call.flags.quiet ? {} : { onLog: (line: string) => void io.stderr.write(`${line}\n`) }),
    })
    io.stdout.write(`Registry listens on ${url}\n`)
    await closed
    return 0
  },
})

async function settingsOf({ flags, given }: Given): Promise<RegistrySettings> {
  const file = await registrySettings(flags)
  const auth = authOf({ flags, given }, file.auth)
  const tls = tlsOf(flags)
  return {
    ...file,
    ...(flags.address !== undefined && { listen: flags.address }),
    ...(given.has('delete') && { delete: flags.delete }),
    ...(auth !== undefined && { auth }),
    ...(tls !== undefined && { tls }),
  }
}

function authOf({ flags, given }: Given, file: AuthSettings | undefined): AuthSettings | undefined {
  const htpasswd = flags.htpasswd ?? file?.htpasswd
  if (htpasswd === undefined) {
    if (!flags['anonymous-pull']) return undefined
    throw failure('CLI_FAILED', { reason: '--anonymous-pull needs users: name their file with --htpasswd' })
  }
  return {
    ...file,
    htpasswd,
    ...(given.has('anonymous-pull') && { anonymousPull: flags['anonymous-pull'] }),
  }
}

function tlsOf(flags: Given['flags']): TlsSettings | undefined {
  const { 'tls-cert': certificate, 'tls-key': key, 'tls-self-signed': isSelfSigned } = flags
  const isGiven = certificate !== undefined || key !== undefined
  if (isSelfSigned) {
    if (!isGiven) return 'self-signed'
    throw failure('CLI_FAILED', { reason: '--tls-self-signed needs no --tls-cert and --tls-key' })
  }
  if (!isGiven) return undefined
  if (certificate !== undefined && key !== undefined) return { certificate, key }
  throw failure('CLI_FAILED', { reason: '--tls-cert and --tls-key need each other' })
}

function parseAddress(text: string): ListenAddress {
  const address = parseListen(text)
  if (address === undefined) throw new Error('use HOST:PORT, e.g. 127.0.0.1:5000')
  return address
}
