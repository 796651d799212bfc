import { isIP } from 'node:net'
import { failure } from '../../util/errors.ts'

/** What the options of a network change of its bridge; absent is as usual. */
export interface BridgeSettings {
  /** Of its interfaces; absent: that of the machine's way out. */
  readonly mtu?: number
  /** Its members do not reach each other. */
  readonly isolated?: true
  /** What goes out keeps the member's own address. */
  readonly unmasked?: true
  /** Where ports are published that name no address of the host. */
  readonly hostBinding?: string
}

type Reader = (name: string, value: string) => BridgeSettings

const readers: Readonly<Record<string, Reader>> = {
  'com.docker.network.driver.mtu': mtu,
  'com.docker.network.bridge.enable_icc': (name, value) => (flag(name, value) ? {} : { isolated: true }),
  'com.docker.network.bridge.enable_ip_masquerade': (name, value) =>
    flag(name, value) ? {} : { unmasked: true },
  'com.docker.network.bridge.host_binding_ipv4': (name, value) => {
    if (isIP(value) !== 4) throw unreadable(name, value, 'nil ip')
    return value === '0.0.0.0' ? {} : { hostBinding: value }
  },
}

/**
 * What `--opt` says in Docker's words; options of others' are kept and mean nothing, as in Docker. INVALID_ARGUMENT,
 * NOT_IMPLEMENTED for one of Docker's that would be passed over.
 */
export function bridgeSettings(options: Readonly<Record<string, string>>): BridgeSettings {
  let settings: BridgeSettings = {}
  for (const [name, value] of Object.entries(options)) {
    const { [name]: reader } = readers
    if (reader !== undefined) settings = { ...settings, ...reader(name, value) }
    else if (name.startsWith('com.docker.network.'))
      throw failure('NOT_IMPLEMENTED', { feature: `network option ${name}=${value}` })
  }
  return settings
}

function mtu(name: string, value: string): BridgeSettings {
  if (!/^[+-]?\d+$/.test(value))
    throw unreadable(name, value, `strconv.Atoi: parsing ${JSON.stringify(value)}: invalid syntax`)
  const number = Number(value)
  if (number === 0) return {}
  // from what IPv4 needs (RFC 791) to the most that a veth pair takes
  if (number < 68 || number > 65_535) throw invalid(`invalid MTU number: ${number}`)
  return { mtu: number }
}

function flag(name: string, value: string): boolean {
  if (/^(1|t|T|true|TRUE|True)$/.test(value)) return true
  if (/^(0|f|F|false|FALSE|False)$/.test(value)) return false
  throw unreadable(name, value, `strconv.ParseBool: parsing ${JSON.stringify(value)}: invalid syntax`)
}

function unreadable(name: string, value: string, why: string): Error {
  return invalid(`failed to parse ${name} value: ${value} (${why})`)
}

function invalid(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
}
