import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { failure } from '../../util/errors.ts'
import { readText } from '../../util/read-text.ts'
import { runProgram } from '../../util/run-program.ts'
import type { Bridge } from './bridge-endpoints.ts'
import {
  connect,
  disconnect,
  movePorts,
  openBuildNetwork,
  rename,
  runIp,
  takeRoute,
} from './bridge-endpoints.ts'
import { chooseIpv6, forwardIpv6, type Ipv6Bridge, type Ipv6Options } from './bridge-ipv6.ts'
import { lockFile } from '../file-lock.ts'
import { formatSubnet6 } from './ip6-address.ts'
import { defaultDevice, findFreeSubnet, formatIp, formatSubnet, parseIp, parseSubnet } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'
import { findProgram } from '../machine.ts'
import { forgetNames } from './name-server.ts'
import { applyRules, baseRules, tableName } from './nat-rules.ts'
import type { BridgeNetwork, UserBridge } from '../runtime.ts'

export interface BridgeOptions {
  /** Folder for namespaces and records, lost at reboot or not. One for a bridge on the whole machine, whatever the store: addresses are given out by it. */
  readonly stateFolder: string
  /** Interface name, default `mille0`. */
  readonly name?: string
  /** Default 172.30.0.0/16, or the first private network that the host has no route to. */
  readonly subnet?: string
  /** Subnets that somebody else has although no interface says so. */
  readonly avoid?: readonly string[]
  /** The bridge's own address; default: the first of the subnet. */
  readonly gateway?: string
  /** Addresses are given out of this part of the subnet; default: all of it. */
  readonly range?: string
  /** Nothing goes in or out but between its members. */
  readonly internal?: boolean
  /** Of all interfaces; default: that of the machine's way out. */
  readonly mtu?: number
  /** Its members do not reach each other. */
  readonly isolated?: true
  /** What goes out keeps the member's own address. */
  readonly unmasked?: true
  /** Where ports are published that name no address of the host; default: on every one. */
  readonly hostBinding?: string
  /** Absent: the bridge has IPv4 alone. */
  readonly ipv6?: Ipv6Options
  /** Addresses that are given to no member, of both kinds. */
  readonly reserved?: readonly string[]
  /** Its members find each other by name: the folder of the machine's name server. */
  readonly namesFolder?: string
  /** State folders of the machine's other bridges: published ports are taken for all. */
  readonly neighbours?: () => readonly string[]
  /** Held while addresses and ports are chosen, one for the machine. Default: a file of this bridge. */
  readonly lockPath?: string
  /** Default: nftables when there is nft. */
  readonly portMethod?: BridgeNetwork['portMethod']
}

const defaultSubnets = [
  '172.30.0.0/16',
  ...range(29, 17).map((n) => `172.${n}.0.0/16`),
  ...range(255, 200).map((n) => `10.${n}.0.0/16`),
]

function range(from: number, to: number): number[] {
  return Array.from({ length: from - to + 1 }, (_, index) => from - index)
}

/** Makes or finds the bridge. Errors: PROGRAM_MISSING (iproute2), INVALID_ARGUMENT, PROGRAM_FAILED, NO_FREE_ADDRESS, SUBNET_IN_USE. */
export async function openBridge(options: BridgeOptions): Promise<UserBridge> {
  const { name = 'mille0' } = options
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name))
    throw failure('INVALID_ARGUMENT', { reason: `invalid bridge name "${name}"` })
  const ip = findProgram('ip')
  if (ip === undefined) throw failure('PROGRAM_MISSING', { program: 'ip', package: 'iproute2' })
  const nft = options.portMethod === 'relay' ? undefined : findProgram('nft')
  const bridge = await ensureBridge({ name, ip, nft }, options)
  return {
    connect: (id, request) => connect(bridge, id, request),
    disconnect: (id, disconnecting) => disconnect(bridge, id, disconnecting),
    openBuildNetwork: () => openBuildNetwork(bridge),
    takeRoute: (id) => takeRoute(bridge, id),
    movePorts: (from, to, ports) => movePorts(bridge, from, to, ports),
    rename: (id, names) => rename(bridge, id, names),
    remove: () => removeBridge(bridge),
    subnet: {
      gateway: bridge.gateway,
      prefix: formatIp(bridge.subnet.address),
      prefixLength: bridge.subnet.prefixLength,
    },
    ...(bridge.ipv6 !== undefined && {
      ipv6: { subnet: formatSubnet6(bridge.ipv6.subnet), gateway: bridge.ipv6.gateway },
    }),
    portMethod: nft === undefined ? 'relay' : 'nftables',
  }
}

async function ensureBridge(
  base: Pick<Bridge, 'name' | 'ip' | 'nft'>,
  options: BridgeOptions,
): Promise<Bridge> {
  const folder = options.stateFolder
  const lock = options.lockPath ?? join(folder, 'lock')
  mkdirSync(dirname(lock), { recursive: true, mode: 0o700 })
  using _ = await lockFile(lock)
  const exists = existsSync(`/sys/class/net/${base.name}`)
  const recordPath = join(folder, 'subnet')
  const recorded = exists && existsSync(recordPath) ? parseSubnet(readText(recordPath)) : undefined
  const subnet =
    recorded ?? (exists ? await subnetOf(base) : undefined) ?? chooseSubnet(options.subnet, options.avoid)
  for (const name of ['endpoints', 'namespaces'])
    mkdirSync(join(folder, name), { recursive: true, mode: 0o700 })
  const device = defaultDevice()
  const bridge: Bridge = {
    ...base,
    folder,
    lock,
    subnet,
    range: options.range === undefined ? subnet : (parseSubnet(options.range) ?? subnet),
    gateway: options.gateway ?? formatIp(subnet.address + 1),
    mtu: options.mtu ?? (device === undefined ? 1500 : Number(readText(`/sys/class/net/${device}/mtu`))),
    internal: options.internal === true,
    isolated: options.isolated === true,
    unmasked: options.unmasked === true,
    hostBinding: options.hostBinding,
    ipv6: options.ipv6 && chooseIpv6(options.ipv6, recorded !== undefined, options.avoid),
    reserved: new Set(options.reserved),
    namesFolder: options.namesFolder,
    neighbours: options.neighbours ?? (() => []),
  }
  if (recorded === undefined) {
    // the rules first: a bridge that is there has them
    await allowForwarding(bridge)
    await runIp(bridge, [
      ...(exists ? [] : [`link add ${bridge.name} mtu ${bridge.mtu} type bridge`]),
      `addr replace ${bridge.gateway}/${subnet.prefixLength} dev ${bridge.name}`,
      `link set ${bridge.name} up`,
    ])
    if (bridge.ipv6 !== undefined) await addIpv6(bridge, bridge.ipv6)
    writeFileSync(`/proc/sys/net/ipv4/conf/${bridge.name}/route_localnet`, '1')
    writeFileSync(recordPath, formatSubnet(subnet), { mode: 0o600 })
  }
  return bridge
}

async function addIpv6(bridge: Bridge, { gateway, subnet }: Ipv6Bridge): Promise<void> {
  // machines that have it switched off for new interfaces
  writeFileSync(`/proc/sys/net/ipv6/conf/${bridge.name}/disable_ipv6`, '0')
  await runIp(bridge, [`addr replace ${gateway}/${subnet.prefixLength} dev ${bridge.name} nodad`])
}

/** Of a bridge that another store made. */
async function subnetOf(bridge: Pick<Bridge, 'name' | 'ip'>): Promise<Subnet | undefined> {
  const { stdout } = await runProgram(bridge.ip, ['-4', '-o', 'addr', 'show', 'dev', bridge.name])
  const [, ip = '', length = ''] = / inet (\S+)\/(\d+) /.exec(stdout.toString()) ?? []
  const address = parseIp(ip)
  if (address === undefined) return undefined
  const size = 2 ** (32 - Number(length))
  return { address: address - (address % size), prefixLength: Number(length) }
}

async function allowForwarding(bridge: Bridge): Promise<void> {
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1')
  if (bridge.ipv6 !== undefined) forwardIpv6()
  if (bridge.nft !== undefined) await applyRules(bridge.nft, baseRules(bridge))
}

/** The one wanted, which nobody may have yet, or the first that the host has no route to. */
function chooseSubnet(wanted: string | undefined, avoid: readonly string[] = []): Subnet {
  const candidates = wanted === undefined ? defaultSubnets : [wanted]
  const subnets = candidates.flatMap((text) => parseSubnet(text) ?? [])
  if (subnets.length === 0) throw failure('INVALID_ARGUMENT', { reason: `invalid subnet "${wanted}"` })
  const free = findFreeSubnet(
    subnets,
    avoid.flatMap((text) => parseSubnet(text) ?? []),
  )
  if (free !== undefined) return free
  if (wanted !== undefined) throw failure('SUBNET_IN_USE', { subnet: wanted })
  throw failure('NO_FREE_ADDRESS', { subnet: 'the private networks' })
}

/** Nobody is connected any more: interface, rules and records go. */
async function removeBridge(bridge: Bridge): Promise<void> {
  using _ = await lockFile(bridge.lock)
  if (bridge.namesFolder !== undefined) forgetNames(bridge.namesFolder, bridge.name)
  if (existsSync(`/sys/class/net/${bridge.name}`)) await runIp(bridge, [`link del ${bridge.name}`])
  // said twice: nft fails to delete what is not there
  const table = tableName(bridge.name)
  const families = bridge.ipv6 === undefined ? ['ip'] : ['ip', 'ip6']
  const lines = families.map((family) => `add table ${family} ${table}\ndelete table ${family} ${table}\n`)
  if (bridge.nft !== undefined) await applyRules(bridge.nft, lines.join(''))
  rmSync(bridge.folder, { recursive: true, force: true })
}
