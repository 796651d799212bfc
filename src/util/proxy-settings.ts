import { failure } from './errors.ts'
import { hidePasswords } from './hide-passwords.ts'

export interface ProxySettings {
  readonly httpProxy?: string
  readonly httpsProxy?: string
}

/**
 * The proxies that the environment names, by the variables of curl, Go and Docker: lower case first, `host:port` is one
 * without TLS. Who goes through none of them is said by NO_PROXY. Errors: INVALID_ARGUMENT names the variable.
 */
export function proxySettings(env: NodeJS.ProcessEnv = process.env): ProxySettings {
  const httpProxy = proxyIn(env, 'http_proxy')
  const httpsProxy = proxyIn(env, 'https_proxy')
  return { ...(httpProxy !== undefined && { httpProxy }), ...(httpsProxy !== undefined && { httpsProxy }) }
}

function proxyIn(env: NodeJS.ProcessEnv, lowerCase: string): string | undefined {
  const name = env[lowerCase] ? lowerCase : lowerCase.toUpperCase()
  const text = env[name]
  if (!text) return undefined
  const address = text.includes('://') ? text : `http://${text}`
  const protocol = URL.canParse(address) ? new URL(address).protocol : ''
  if (['http:', 'https:', 'socks5:'].includes(protocol)) return address
  const reason = `invalid ${name}: "${hidePasswords(text)}" is no address of a proxy: use e.g. http://proxy:3128`
  throw failure('INVALID_ARGUMENT', { reason })
}
