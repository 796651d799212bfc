import type { EndpointRequest } from '../../containers/network/networks.ts'
import { splitCsv } from './split-csv.ts'

export interface NetworkChoice extends EndpointRequest {
  readonly network: string
}

/** `--network NAME`, or `name=NAME,alias=A,ip=…,ip6=…,mac-address=…`. Throws a plain Error. */
export function parseNetwork(text: string): NetworkChoice {
  if (!/^[^=,]+=/.test(text)) return { network: text }
  let network: string | undefined
  let endpoint: EndpointRequest = {}
  for (const field of splitCsv(text)) {
    const equals = field.indexOf('=')
    const [key, value] = [field.slice(0, equals).toLowerCase(), field.slice(equals + 1)]
    if (equals < 1) throw new Error(`invalid field ${field}: name=value is needed`)
    if (key === 'name') network = value
    else if (key === 'alias') endpoint = { ...endpoint, aliases: [...(endpoint.aliases ?? []), value] }
    else if (key === 'ip') endpoint = { ...endpoint, ip: value }
    else if (key === 'ip6') endpoint = { ...endpoint, ip6: value }
    else if (key === 'mac-address') endpoint = { ...endpoint, mac: value }
    else throw new Error(`invalid field key ${key}: there are name, alias, ip, ip6, mac-address`)
  }
  if (network === undefined) throw new Error('network name/id is not specified')
  return { network, ...endpoint }
}
