import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../util/errors.ts'
import { randomHex } from '../util/random.ts'
import { formatIp, formatSubnet, isInSubnet, parseIp, subnetSize } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'

interface BridgeAddresses {
  readonly name: string
  readonly subnet: Subnet
}

/** Milliseconds that the kernel may take to end the interface of a namespace that was removed. */
const lingering = 2000

/**
 * Name of a new interface at the bridge's end, with the address at the other end in it: so that an address is seen to be in
 * use also when nobody has a record of it. The rest is random: the last interface of this address may be on its way out.
 */
export function hostInterface(ip: string): string {
  return `ve${(parseIp(ip) ?? 0).toString(16).padStart(8, '0')}${randomHex(2)}`
}

/** Addresses that have an interface on the bridge. */
function connectedAddresses({ name }: BridgeAddresses): ReadonlySet<number> {
  const found = readdirSync(`/sys/class/net/${name}/brif`).map(
    (host) => /^ve([0-9a-f]{8})[0-9a-f]{4}$/.exec(host)?.[1],
  )
  return new Set(found.map((hex) => Number.parseInt(hex ?? '', 16)))
}

/**
 * The first free address, or the one wanted. `owners`: who has an address by the records. Refused is also what lives on the
 * bridge without a record, as a container whose store was deleted. ADDRESS_IN_USE, INVALID_ARGUMENT, NO_FREE_ADDRESS.
 */
export async function chooseAddress(
  bridge: BridgeAddresses,
  owners: ReadonlyMap<string, string>,
  wanted: string | undefined,
): Promise<number> {
  const { subnet } = bridge
  const last = subnet.address + subnetSize(subnet) - 2
  if (wanted !== undefined && wanted !== '') {
    const address = parseIp(wanted)
    const isUsable =
      address !== undefined && isInSubnet(address, subnet) && address > subnet.address + 1 && address <= last
    if (!isUsable) {
      const reason = `address ${wanted} is not usable in ${formatSubnet(subnet)}`
      throw failure('INVALID_ARGUMENT', { reason })
    }
    const owner = owners.get(wanted) ?? (await strangerAt(bridge, address))
    if (owner !== undefined) throw failure('ADDRESS_IN_USE', { ip: wanted, owner })
    return address
  }
  const connected = connectedAddresses(bridge)
  for (let address = subnet.address + 2; address <= last; address += 1)
    if (!owners.has(formatIp(address)) && !connected.has(address)) return address
  throw failure('NO_FREE_ADDRESS', { subnet: formatSubnet(subnet) })
}

async function strangerAt(bridge: BridgeAddresses, address: number): Promise<string | undefined> {
  const until = performance.now() + lingering
  while (connectedAddresses(bridge).has(address)) {
    if (performance.now() > until) return 'an interface that no container of mille is known to have'
    await sleep(20)
  }
  return undefined
}
