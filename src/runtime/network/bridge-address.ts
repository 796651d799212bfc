import { readdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { failure } from '../../util/errors.ts'
import { randomHex } from '../../util/random.ts'
import { formatIp, formatSubnet, isInSubnet, parseIp, subnetSize } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'

interface BridgeAddresses {
  readonly name: string
  readonly subnet: Subnet
  /** Addresses are given out of this part of the subnet. */
  readonly range: Subnet
  readonly gateway: string
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

/** Interfaces at the bridge's end, by the address at the other one. */
function connectedAddresses({ name }: Pick<BridgeAddresses, 'name'>): ReadonlyMap<number, string> {
  const hosts = readdirSync(`/sys/class/net/${name}/brif`)
  return new Map(
    hosts.map((host) => [Number.parseInt(/^ve([0-9a-f]{8})[0-9a-f]{4}$/.exec(host)?.[1] ?? '', 16), host]),
  )
}

/** The bridge's end of the pair whose other end has this address. */
export function findInterface(bridge: Pick<BridgeAddresses, 'name'>, ip: string): string | undefined {
  return connectedAddresses(bridge).get(parseIp(ip) ?? 0)
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
  const { subnet, range } = bridge
  const gateway = parseIp(bridge.gateway)
  const last = subnet.address + subnetSize(subnet) - 2
  if (wanted !== undefined && wanted !== '') {
    const address = parseIp(wanted)
    const isUsable =
      address !== undefined &&
      isInSubnet(address, subnet) &&
      address > subnet.address &&
      address !== gateway &&
      address <= last
    if (!isUsable) {
      const reason = `address ${wanted} is not usable in ${formatSubnet(subnet)}`
      throw failure('INVALID_ARGUMENT', { reason })
    }
    const owner = owners.get(wanted) ?? (await strangerAt(bridge, address))
    if (owner !== undefined) throw failure('ADDRESS_IN_USE', { ip: wanted, owner })
    return address
  }
  const connected = connectedAddresses(bridge)
  const end = Math.min(last, range.address + subnetSize(range) - 1)
  for (let address = Math.max(subnet.address + 1, range.address); address <= end; address += 1) {
    const isFree = address !== gateway && !owners.has(formatIp(address)) && !connected.has(address)
    if (isFree) return address
  }
  throw failure('NO_FREE_ADDRESS', { subnet: formatSubnet(range) })
}

async function strangerAt(bridge: BridgeAddresses, address: number): Promise<string | undefined> {
  const until = performance.now() + lingering
  while (connectedAddresses(bridge).has(address)) {
    if (performance.now() > until) return 'an interface that no container of mille is known to have'
    await sleep(20)
  }
  return undefined
}
