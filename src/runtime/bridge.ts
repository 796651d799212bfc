import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import {
  createNetworkNamespace,
  isNetworkNamespace,
  removeNetworkNamespace,
} from '../linux/network-namespace.ts'
import { currentProcess, isRunning } from '../linux/process-identity.ts'
import type { ProcessIdentity } from '../linux/process-identity.ts'
import { failure, isMilleError } from '../util/errors.ts'
import { runProgram } from '../util/run-program.ts'
import { checkId, newId } from './bundle.ts'
import { lockFile } from './file-lock.ts'
import { defaultDevice, findFreeSubnet, formatIp, formatSubnet, parseIp, parseSubnet } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'
import { findProgram } from './machine.ts'
import { applyRules, baseRules, publishRules, withdrawRules } from './nat-rules.ts'
import { chooseAddress, hostInterface } from './bridge-address.ts'
import { addressesCollide, findPortOwner } from './port-owner.ts'
import { startRelay, stopRelay } from './port-relay.ts'
import type { BridgeNetwork, Endpoint, PortBinding } from './runtime.ts'
import { readText } from '../util/read-text.ts'
import { randomBetween } from '../util/random.ts'

export interface BridgeOptions {
  /** Folder for namespaces and records, lost at reboot or not. One for a bridge on the whole machine, whatever the store: addresses are given out by it. */
  readonly stateFolder: string
  /** Interface name, default `mille0`. */
  readonly name?: string
  /** Default 172.30.0.0/16, or the first private network that the host has no route to. */
  readonly subnet?: string
  /** Default: nftables when there is nft. */
  readonly portMethod?: BridgeNetwork['portMethod']
}

interface EndpointRecord extends Endpoint {
  /** Set for those of a build: they go when it is dead. */
  readonly owner?: ProcessIdentity
  readonly relay?: ProcessIdentity
}

interface Bridge {
  readonly name: string
  readonly subnet: Subnet
  readonly gateway: string
  readonly mtu: number
  readonly folder: string
  readonly ip: string
  /** Undefined: ports go through relays, and nothing is masqueraded. */
  readonly nft: string | undefined
}

const defaultSubnets = [
  '172.30.0.0/16',
  ...range(29, 17).map((n) => `172.${n}.0.0/16`),
  ...range(255, 200).map((n) => `10.${n}.0.0/16`),
]

function range(from: number, to: number): number[] {
  return Array.from({ length: from - to + 1 }, (_, index) => from - index)
}

/** Makes or finds the bridge. Errors: PROGRAM_MISSING (iproute2), INVALID_ARGUMENT, PROGRAM_FAILED. */
export async function openBridge(options: BridgeOptions): Promise<BridgeNetwork> {
  const { name = 'mille0', stateFolder } = options
  if (!/^[a-z][a-z0-9-]{0,14}$/.test(name))
    throw failure('INVALID_ARGUMENT', { reason: `invalid bridge name "${name}"` })
  const ip = findProgram('ip')
  if (ip === undefined) throw failure('PROGRAM_MISSING', { program: 'ip', package: 'iproute2' })
  for (const folder of ['endpoints', 'namespaces'])
    await mkdir(join(stateFolder, folder), { recursive: true, mode: 0o700 })
  const nft = options.portMethod === 'relay' ? undefined : findProgram('nft')
  const bridge = await ensureBridge({ name, folder: stateFolder, ip, nft }, options.subnet)
  return {
    connect: (id, request) => connect(bridge, id, request),
    disconnect: (id) => disconnect(bridge, id),
    openBuildNetwork: () => openBuildNetwork(bridge),
    subnet: {
      gateway: bridge.gateway,
      prefix: formatIp(bridge.subnet.address),
      prefixLength: bridge.subnet.prefixLength,
    },
    portMethod: nft === undefined ? 'relay' : 'nftables',
  }
}

async function ensureBridge(
  base: Pick<Bridge, 'name' | 'folder' | 'ip' | 'nft'>,
  wanted: string | undefined,
): Promise<Bridge> {
  using _ = await lockFile(join(base.folder, 'lock'))
  const exists = existsSync(`/sys/class/net/${base.name}`)
  const recordPath = join(base.folder, 'subnet')
  const recorded = exists && existsSync(recordPath) ? parseSubnet(readText(recordPath)) : undefined
  const subnet = recorded ?? (exists ? await subnetOf(base) : undefined) ?? chooseSubnet(wanted)
  const device = defaultDevice()
  const mtu = device === undefined ? 1500 : Number(readText(`/sys/class/net/${device}/mtu`))
  const bridge: Bridge = { ...base, subnet, gateway: formatIp(subnet.address + 1), mtu }
  if (recorded === undefined) {
    // the rules first: a bridge that is there has them
    await allowForwarding(bridge)
    await runIp(bridge, [
      ...(exists ? [] : [`link add ${bridge.name} mtu ${mtu} type bridge`]),
      `addr replace ${bridge.gateway}/${subnet.prefixLength} dev ${bridge.name}`,
      `link set ${bridge.name} up`,
    ])
    writeFileSync(`/proc/sys/net/ipv4/conf/${bridge.name}/route_localnet`, '1')
    writeFileSync(recordPath, formatSubnet(subnet), { mode: 0o600 })
  }
  return bridge
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
  if (bridge.nft !== undefined) await applyRules(bridge.nft, baseRules(bridge.name, bridge.subnet))
}

function chooseSubnet(wanted: string | undefined): Subnet {
  if (wanted !== undefined) {
    const subnet = parseSubnet(wanted)
    if (subnet === undefined) throw failure('INVALID_ARGUMENT', { reason: `invalid subnet "${wanted}"` })
    return subnet
  }
  const free = findFreeSubnet(defaultSubnets.flatMap((text) => parseSubnet(text) ?? []))
  if (free === undefined) throw failure('NO_FREE_ADDRESS', { subnet: 'the private networks' })
  return free
}

/** `ip -n` takes only names below /run/netns, so for a namespace of ours nsenter(1) goes first. */
async function runIp(bridge: Bridge, lines: readonly string[], namespace?: string): Promise<void> {
  const input = `${lines.join('\n')}\n`
  if (namespace === undefined) await runProgram(bridge.ip, ['-batch', '-'], { input })
  else await runProgram('nsenter', [`--net=${namespace}`, bridge.ip, '-batch', '-'], { input })
}

function namespaceOf(bridge: Bridge, id: string): string {
  return join(bridge.folder, 'namespaces', id)
}

function recordOf(bridge: Bridge, id: string): string {
  return join(bridge.folder, 'endpoints', `${id}.json`)
}

function readRecord(bridge: Bridge, id: string): EndpointRecord | undefined {
  try {
    return JSON.parse(readText(recordOf(bridge, id))) as EndpointRecord
  } catch {
    return undefined
  }
}

/** Endpoints that have a namespace; records that a reboot or a dead build left are dropped on the way. */
async function liveRecords(bridge: Bridge): Promise<ReadonlyMap<string, EndpointRecord>> {
  const live = new Map<string, EndpointRecord>()
  for (const file of readdirSync(join(bridge.folder, 'endpoints'))) {
    const id = file.replace(/\.json$/, '')
    const record = readRecord(bridge, id)
    const dead = record === undefined || (record.owner !== undefined && !isRunning(record.owner))
    if (dead || !isNetworkNamespace(record.namespace)) await dismantle(bridge, id, record)
    else live.set(id, record)
  }
  return live
}

interface ConnectRequest {
  readonly ip?: string
  readonly ports: readonly PortBinding[]
}

/** Free ports are looked for, not reserved: one that somebody takes meanwhile is no reason to fail. */
async function connect(
  bridge: Bridge,
  id: string,
  request: ConnectRequest,
  owner?: ProcessIdentity,
): Promise<Endpoint> {
  checkId(id)
  const isWanted = (port: unknown): boolean => request.ports.some(({ hostPort }) => hostPort === port)
  for (let attempt = 1; ; attempt++) {
    try {
      return await connectOnce(bridge, id, request, owner)
    } catch (error) {
      if (attempt === 10 || !isMilleError(error, 'PORT_IN_USE') || isWanted(error.details['port']))
        throw error
    }
  }
}

async function connectOnce(
  bridge: Bridge,
  id: string,
  request: ConnectRequest,
  owner?: ProcessIdentity,
): Promise<Endpoint> {
  using _ = await lockFile(join(bridge.folder, 'lock'))
  const live = await liveRecords(bridge)
  await dismantle(bridge, id, readRecord(bridge, id))
  const owners = new Map([...live].map(([owner, record]) => [record.ip, owner]))
  const address = await chooseAddress(bridge, owners, request.ip)
  const ports = choosePorts(live, request.ports)
  const record: EndpointRecord = {
    namespace: namespaceOf(bridge, id),
    ip: formatIp(address),
    prefixLength: bridge.subnet.prefixLength,
    gateway: bridge.gateway,
    // locally administered, and one per address: neighbours' tables stay right when an address is reused
    mac: `02:42:${[24, 16, 8, 0].map((shift) => ((address >>> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`,
    ports,
    ...(owner === undefined ? {} : { owner }),
  }
  // before anything is made: whoever comes after a kill -9 finds what to undo
  writeFileSync(recordOf(bridge, id), JSON.stringify(record), { mode: 0o600 })
  try {
    createNetworkNamespace(record.namespace)
    await wire(bridge, record)
    await publish(bridge, id, record)
    const { namespace, ip, prefixLength, gateway, mac } = record
    return { namespace, ip, prefixLength, gateway, mac, ports }
  } catch (error) {
    await dismantle(bridge, id, record)
    if (isMilleError(error, 'PORT_IN_USE')) throw error
    throw failure(
      'NETWORK_FAILED',
      { id, reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
}

/** A pair of interfaces: one on the bridge, the other as `eth0` in the namespace. */
async function wire(bridge: Bridge, record: EndpointRecord): Promise<void> {
  const host = hostInterface(record.ip)
  const mtu = `mtu ${bridge.mtu}`
  await runIp(bridge, [
    `link add ${host} ${mtu} master ${bridge.name} up type veth peer name eth0 ${mtu} address ${record.mac} netns ${record.namespace}`,
  ])
  await runIp(
    bridge,
    [
      'link set lo up',
      `addr add ${record.ip}/${record.prefixLength} dev eth0`,
      'link set eth0 up',
      `route add default via ${record.gateway}`,
    ],
    record.namespace,
  )
}

async function publish(bridge: Bridge, id: string, record: EndpointRecord): Promise<void> {
  if (record.ports.length === 0) return
  if (bridge.nft === undefined) {
    const relay = await startRelay(id, record.ports, record.ip)
    if (relay !== undefined)
      writeFileSync(recordOf(bridge, id), JSON.stringify({ ...record, relay }), { mode: 0o600 })
    return
  }
  const rules = publishRules(bridge.name, record.ip, record.ports)
  try {
    await applyRules(bridge.nft, rules)
  } catch {
    // somebody flushed the rule set: say it all again, and if a port truly is taken fail again
    await applyRules(bridge.nft, baseRules(bridge.name, bridge.subnet) + rules)
  }
}

const FIRST_FREE_PORT = 32_768
const LAST_FREE_PORT = 60_999

/** Fills in free ports for 0 and refuses taken ones. */
function choosePorts(
  live: ReadonlyMap<string, EndpointRecord>,
  wanted: readonly PortBinding[],
): PortBinding[] {
  const taken = [...live].flatMap(([id, record]) => record.ports.map((binding) => ({ ...binding, id })))
  const ownerOf = (binding: PortBinding): string | undefined =>
    taken.find(
      (other) =>
        other.protocol === binding.protocol &&
        other.hostPort === binding.hostPort &&
        addressesCollide(other.hostIp, binding.hostIp),
    )?.id ?? findPortOwner(binding.protocol, binding.hostIp, binding.hostPort)
  return wanted.map((request) => {
    const hostIp = ['', '::', '[::]'].includes(request.hostIp) ? '0.0.0.0' : request.hostIp
    if (parseIp(hostIp) === undefined)
      throw failure('INVALID_ARGUMENT', { reason: `invalid host address "${hostIp}" of a port` })
    let binding: PortBinding = { ...request, hostIp }
    if (request.hostPort === 0) {
      // anywhere in the range: the first ports of it are also the first that clients of this host are given
      let hostPort = randomBetween(FIRST_FREE_PORT, LAST_FREE_PORT)
      while (hostPort <= LAST_FREE_PORT && ownerOf({ ...binding, hostPort }) !== undefined) hostPort += 1
      binding = { ...binding, hostPort }
    }
    const owner = ownerOf(binding)
    if (owner !== undefined) throw failure('PORT_IN_USE', { address: hostIp, port: binding.hostPort, owner })
    taken.push({ ...binding, id: 'this request' })
    return binding
  })
}

async function disconnect(bridge: Bridge, id: string): Promise<void> {
  checkId(id)
  using _ = await lockFile(join(bridge.folder, 'lock'))
  await dismantle(bridge, id, readRecord(bridge, id))
}

/** Undoes what of `connect` was done. The interfaces go with the namespace: asking for that by name takes 30 ms. */
async function dismantle(bridge: Bridge, id: string, record: EndpointRecord | undefined): Promise<void> {
  if (record !== undefined && bridge.nft !== undefined) await withdraw(bridge.nft, bridge.name, record.ports)
  if (record?.relay !== undefined) await stopRelay(record.relay)
  removeNetworkNamespace(namespaceOf(bridge, id))
  rmSync(recordOf(bridge, id), { force: true })
}

async function withdraw(nft: string, bridge: string, ports: readonly PortBinding[]): Promise<void> {
  try {
    await applyRules(nft, withdrawRules(bridge, ports))
  } catch {
    // a port that was never published must not keep the others
    for (const binding of ports) await applyRules(nft, withdrawRules(bridge, [binding])).catch(() => {})
  }
}

/** One namespace for all steps of a build: a step then pays nothing for its network. Gone at the latest when this process is dead. */
async function openBuildNetwork(bridge: Bridge): Promise<{ readonly namespace: string } & AsyncDisposable> {
  const id = newId('build')
  const { namespace } = await connect(bridge, id, { ports: [] }, currentProcess())
  return { namespace, [Symbol.asyncDispose]: () => disconnect(bridge, id) }
}
