import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'
import { Agent, type Dispatcher, EnvHttpProxyAgent } from 'undici'
import { failure, messageOf } from '../../util/errors.ts'
import { proxySettings } from '../../util/proxy-settings.ts'
import { type HostCertificates, systemCertificates } from './certificates.ts'
import { isLoopback } from './private-address.ts'

export interface AgentSettings {
  /** Milliseconds. */
  readonly connectTimeout: number
  /** Hosts whose certificate is not checked. */
  readonly isInsecure: (host: string) => boolean
  /** By `host[:port]`; asked once for each. */
  readonly certificates?: (host: string) => HostCertificates | undefined
}

/** Connections, kept and shared by all hosts with the same trust; a host with certificates of its own shares with none. */
export class Agents implements AsyncDisposable {
  readonly #settings: AgentSettings
  readonly #agents = new Map<string, Dispatcher>()
  readonly #certificates = new Map<string, HostCertificates | undefined>()

  constructor(settings: AgentSettings) {
    this.#settings = settings
  }

  /** CERTIFICATE_INVALID when the host's own certificates cannot be used, INVALID_ARGUMENT for a proxy that is none. */
  get(url: URL): Dispatcher {
    const isLocal = isLoopback(url.hostname)
    const isTls = url.protocol === 'https:'
    // by the host that is dialled: behind a redirect nobody is shown a certificate that is for another (C-W1)
    const found = isTls ? this.#certificatesFor(url.host) : undefined
    // nobody signs for loopback, unless the administrator named somebody who does
    const isNamed = !isLocal || (found?.ca.length ?? 0) > 0
    const isChecked = isNamed && !this.#settings.isInsecure(url.host)
    const key = `${url.protocol} ${isLocal} ${isChecked} ${found === undefined ? '' : url.host}`
    let agent = this.#agents.get(key)
    if (!agent) {
      const isPlain = !isTls || (!isChecked && found === undefined)
      const tls = {
        rejectUnauthorized: isChecked,
        ...(!isPlain && { secureContext: secureContextOf(url.host, found) }),
      }
      const limits = { connections: 16, maxHeaderSize: 65_536, pipelining: 1 }
      const connect = { timeout: this.#settings.connectTimeout, ...tls }
      agent = isLocal
        ? new Agent({ ...limits, connect })
        : new EnvHttpProxyAgent({ ...limits, ...proxySettings(), connect, requestTls: tls })
      this.#agents.set(key, agent)
    }
    return agent
  }

  #certificatesFor(host: string): HostCertificates | undefined {
    if (!this.#certificates.has(host)) {
      this.#certificates.set(host, this.#settings.certificates?.(host))
    }
    return this.#certificates.get(host)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#agents.values()].map((agent) => agent.destroy()))
  }
}

/** Whom Node, this machine and the administrator trust, and who we are. */
function secureContextOf(host: string, found: HostCertificates | undefined): SecureContext {
  const { ca = [], own = [] } = found ?? {}
  const system = systemCertificates()
  try {
    return createSecureContext({
      ca: [...getCACertificates('default'), ...(system === undefined ? [] : [system]), ...ca],
      cert: own.map(({ cert }) => cert),
      key: own.map(({ key }) => key),
    })
  } catch (error) {
    throw failure('CERTIFICATE_INVALID', { path: host, reason: messageOf(error) }, { cause: error })
  }
}
