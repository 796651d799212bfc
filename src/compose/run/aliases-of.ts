import type { EndpointRequest } from '../../containers/network/networks.ts'

/** By network. */
export function aliasesOf(
  endpoints: Readonly<Record<string, EndpointRequest>>,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(endpoints).map(([network, { aliases = [] }]) => [network, aliases]),
  )
}
