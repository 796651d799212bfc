import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  createNetworkNamespace,
  isNetworkNamespace,
  removeNetworkNamespace,
} from '../../linux/network-namespace.ts'
import { currentProcess, isRunning } from '../../linux/process-identity.ts'
import type { ProcessIdentity } from '../../linux/process-identity.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { readText } from '../../util/read-text.ts'
import { runProgram } from '../../util/run-program.ts'
import { chooseAddress, findInterface, hostInterface } from './bridge-address.ts'
import { chooseAddress6, type Ipv6Bridge } from './bridge-ipv6.ts'
import { choosePorts } from './bridge-ports.ts'
import { checkId, newId } from '../bundle.ts'
import { lockFile } from '../file-lock.ts'
import { formatIp } from './ip-address.ts'
import type { Subnet } from './ip-address.ts'
import { publishNames } from './name-server.ts'
import { applyRules, baseRules, publishRules, withdrawRules } from './nat-rules.ts'
import { startRelay, stopRelay } from './port-relay.ts'
import type { ConnectRequest, DisconnectOptions, Endpoint, PortBinding } from '../runtime.ts'

/** A bridge interface of this machine with what is connected to it. */
export interface Bridge {
  readonly name: string
  readonly subnet: Subnet
  /** Addresses are given out of this part. */
  readonly range: Subnet
  readonly gateway: string
  readonly ipv6: Ipv6Bridge | undefined
  /** Given to no member. */
  readonly reserved: ReadonlySet<string>
  readonly mtu: number
  readonly internal: boolean
  /** Its members do not reach each other. */
  readonly isolated: boolean
  /** What goes out keeps the member's own address. */
  readonly unmasked: boolean
  /** Where ports are published that name no address of the host. */
  readonly hostBinding: string | undefined
  readonly folder: string
  readonly lock: string
  readonly namesFolder: string | undefined
  readonly neighbours: () => readonly string[]
  readonly ip: string
  /** Undefined: ports go through relays, and nothing is masqueraded. */
  readonly nft: string | undefined
}

export interface EndpointRecord extends Endpoint {
  /** The namespace was made for this endpoint and goes with it. */
  readonly made: boolean
  readonly names: readonly string[]
  /** Set for those of a build: they go when it is dead. */
  readonly owner?: ProcessIdentity
  readonly relay?: ProcessIdentity
}

/** `ip -n` takes only names below /run/netns, so for a namespace of ours nsenter(1) goes first. */
export async function runIp(
  bridge: Pick<Bridge, 'ip'>,
  lines: readonly string[],
  namespace?: string,
): Promise<void> {
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

function readRecord(path: string): EndpointRecord | undefined {
  try {
    return JSON.parse(readText(path)) as EndpointRecord
  } catch {
    return undefined
  }
}

/** Records of a bridge by the container's ID; those without a namespace too. */
function readRecords(folder: string): readonly (readonly [string, EndpointRecord | undefined])[] {
  const endpointFolder = join(folder, 'endpoints')
  return readdirSync(endpointFolder).map((file) => [
    file.replace(/\.json$/, ''),
    readRecord(join(endpointFolder, file)),
  ])
}

function isLive(record: EndpointRecord | undefined): record is EndpointRecord {
  const dead = record === undefined || (record.owner !== undefined && !isRunning(record.owner))
  return !dead && isNetworkNamespace(record.namespace)
}

/** Endpoints that have a namespace; records that a reboot or a dead build left are dropped on the way. */
async function liveRecords(bridge: Bridge): Promise<ReadonlyMap<string, EndpointRecord>> {
  const live = new Map<string, EndpointRecord>()
  for (const [id, record] of readRecords(bridge.folder)) {
    if (isLive(record)) live.set(id, record)
    else await dismantle(bridge, id, record)
  }
  return live
}

/** Free ports are looked for, not reserved: one that somebody takes meanwhile is no reason to fail. */
export async function connect(
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
  using _ = await lockFile(bridge.lock)
  const live = await liveRecords(bridge)
  // of an earlier try; its namespace may be the one to plug into
  const earlier = readRecord(recordOf(bridge, id))
  if (earlier !== undefined) await dismantle(bridge, id, earlier)
  const { namespace = namespaceOf(bridge, id) } = request
  const owners = new Map([
    ...[...bridge.reserved].map((ip) => [ip, 'an auxiliary address of the network'] as const),
    ...[...live].map(([owner, record]) => [record.ip, owner] as const),
  ])
  const address = await chooseAddress(bridge, owners, request.ip)
  const ports = request.ports.map((port) =>
    port.hostIp ? port : { ...port, hostIp: bridge.hostBinding ?? '' },
  )
  const ipv6 = bridge.ipv6 && ipv6Of(bridge.ipv6, owners, live, address - bridge.subnet.address, request.ip6)
  const record: EndpointRecord = {
    namespace,
    interface: request.interface ?? 'eth0',
    ip: formatIp(address),
    prefixLength: bridge.subnet.prefixLength,
    gateway: bridge.internal ? '' : bridge.gateway,
    ...(ipv6 && { ipv6: bridge.internal ? { ...ipv6, gateway: '' } : ipv6 }),
    // locally administered, and one per address: neighbours' tables stay right when an address is reused
    mac:
      request.mac ??
      `02:42:${[24, 16, 8, 0].map((shift) => ((address >>> shift) & 0xff).toString(16).padStart(2, '0')).join(':')}`,
    // a published port would be a way into an internal network
    ports: bridge.internal
      ? []
      : choosePorts(takenPorts(bridge, live, ports), ports, bridge.ipv6 !== undefined),
    made: !isNetworkNamespace(namespace),
    names: request.names ?? [],
    ...(owner === undefined ? {} : { owner }),
  }
  // before anything is made: whoever comes after a kill -9 finds what to undo
  writeFileSync(recordOf(bridge, id), JSON.stringify(record), { mode: 0o600 })
  try {
    if (record.made) createNetworkNamespace(record.namespace)
    await wire(bridge, record, request.route !== false && !bridge.internal)
    await publish(bridge, id, record)
    if (bridge.namesFolder !== undefined)
      await publishNames(bridge.namesFolder, bridge, new Map([...live, [id, record]]))
    return endpointOf(record)
  } catch (error) {
    await dismantle(bridge, id, record)
    if (isMilleError(error, 'PORT_IN_USE', 'PROGRAM_MISSING')) throw error
    throw failure(
      'NETWORK_FAILED',
      { id, reason: error instanceof Error ? error.message : String(error) },
      { cause: error },
    )
  }
}

/** `owners`: of all IPv4 addresses, and of those reserved. */
function ipv6Of(
  bridge: Ipv6Bridge,
  owners: ReadonlyMap<string, string>,
  live: ReadonlyMap<string, EndpointRecord>,
  offset: number,
  wanted: string | undefined,
): NonNullable<Endpoint['ipv6']> {
  const taken = [...live].flatMap(([owner, { ipv6 }]) => (ipv6 ? [[ipv6.ip, owner] as const] : []))
  return chooseAddress6(bridge, new Map([...owners, ...taken]), offset, wanted)
}

function endpointOf({
  made: _made,
  names: _names,
  owner: _owner,
  relay: _relay,
  ...endpoint
}: EndpointRecord): Endpoint {
  return endpoint
}

/** What is published on any bridge of the machine: their tables of rules know nothing of each other. */
function takenPorts(
  bridge: Bridge,
  live: ReadonlyMap<string, EndpointRecord>,
  wanted: readonly PortBinding[],
): readonly (PortBinding & { readonly id: string })[] {
  if (wanted.length === 0) return []
  const others = bridge
    .neighbours()
    .filter((folder) => folder !== bridge.folder)
    .flatMap((folder) => readRecords(folder))
    .flatMap(([id, record]) => (isLive(record) ? [[id, record] as const] : []))
  return [...live, ...others].flatMap(([id, record]) => record.ports.map((binding) => ({ ...binding, id })))
}

/** A pair of interfaces: one on the bridge, the other in the namespace. */
async function wire(bridge: Bridge, record: EndpointRecord, route: boolean): Promise<void> {
  const host = hostInterface(record.ip)
  const mtu = `mtu ${bridge.mtu}`
  const apart = bridge.isolated ? [`link set ${host} type bridge_slave isolated on`] : []
  const { interface: name, ipv6 } = record
  await runIp(bridge, [
    `link add ${host} ${mtu} master ${bridge.name} up type veth peer name ${name} ${mtu} address ${record.mac} netns ${record.namespace}`,
    ...apart,
  ])
  await runIp(
    bridge,
    [
      'link set lo up',
      `addr add ${record.ip}/${record.prefixLength} dev ${name}`,
      // two members with one address cannot be: they are given out here
      ...(ipv6 ? [`addr add ${ipv6.ip}/${ipv6.prefixLength} dev ${name} nodad`] : []),
      `link set ${name} up`,
      ...(route ? [`route add default via ${record.gateway}`] : []),
      ...(route && ipv6 ? [`route add ::/0 via ${ipv6.gateway} dev ${name}`] : []),
    ],
    record.namespace,
  )
}

async function publish(bridge: Bridge, id: string, record: EndpointRecord): Promise<void> {
  if (record.ports.length === 0) return
  if (bridge.nft === undefined) {
    const relay = await startRelay(id, record.ports, record)
    if (relay !== undefined)
      writeFileSync(recordOf(bridge, id), JSON.stringify({ ...record, relay }), { mode: 0o600 })
    return
  }
  const rules = publishRules(bridge.name, record, record.ports)
  try {
    await applyRules(bridge.nft, rules)
  } catch {
    // somebody flushed the rule set: say it all again, and if a port truly is taken fail again
    await applyRules(bridge.nft, baseRules(bridge) + rules)
  }
}

/** Both records have the ports until the rules say who has: whoever comes after a kill -9 can say it again. */
export async function movePorts(
  bridge: Bridge,
  from: string,
  to: string,
  ports: readonly PortBinding[],
): Promise<readonly PortBinding[]> {
  checkId(from)
  checkId(to)
  using _ = await lockFile(bridge.lock)
  const live = await liveRecords(bridge)
  const [giver, taker] = [live.get(from), live.get(to)]
  if (giver === undefined || taker === undefined || bridge.internal) return []
  const { nft } = bridge
  if (nft === undefined) throw failure('PORTS_FIXED', { reason: 'there is no nft on this machine' })
  const others = new Map([...live].filter(([id]) => id !== from && id !== to))
  const wanted = ports.map((port) => (port.hostIp ? port : { ...port, hostIp: bridge.hostBinding ?? '' }))
  const taken = choosePorts(takenPorts(bridge, others, wanted), wanted, bridge.ipv6 !== undefined)
  writeFileSync(recordOf(bridge, to), JSON.stringify({ ...taker, ports: taken }), { mode: 0o600 })
  const publishing = publishRules(bridge.name, taker, taken)
  try {
    await applyRules(nft, withdrawRules(bridge.name, giver.ports) + publishing)
  } catch {
    // cut short before, or somebody flushed the rule set: whose they are is not known
    await withdraw(nft, bridge.name, [...giver.ports, ...taker.ports])
    await applyRules(nft, baseRules(bridge) + publishing)
  }
  writeFileSync(recordOf(bridge, from), JSON.stringify({ ...giver, ports: [] }), { mode: 0o600 })
  return taken
}

export async function takeRoute(bridge: Bridge, id: string): Promise<void> {
  using _ = await lockFile(bridge.lock)
  const record = readRecord(recordOf(bridge, id))
  if (record === undefined || record.gateway === '') return
  await runIp(
    bridge,
    [
      `route replace default via ${record.gateway} dev ${record.interface}`,
      ...(record.ipv6 ? [`route replace ::/0 via ${record.ipv6.gateway} dev ${record.interface}`] : []),
    ],
    record.namespace,
  )
}

export async function rename(bridge: Bridge, id: string, names: readonly string[]): Promise<void> {
  checkId(id)
  using _ = await lockFile(bridge.lock)
  const record = readRecord(recordOf(bridge, id))
  if (record === undefined || bridge.namesFolder === undefined) return
  writeFileSync(recordOf(bridge, id), JSON.stringify({ ...record, names }), { mode: 0o600 })
  await publishNames(bridge.namesFolder, bridge, await liveRecords(bridge))
}

export async function disconnect(bridge: Bridge, id: string, options: DisconnectOptions = {}): Promise<void> {
  checkId(id)
  using _ = await lockFile(bridge.lock)
  const record = readRecord(recordOf(bridge, id))
  await dismantle(bridge, id, options.keepNamespace && record ? { ...record, made: false } : record)
  if (bridge.namesFolder !== undefined && record !== undefined)
    await publishNames(bridge.namesFolder, bridge, await liveRecords(bridge))
}

/**
 * Undoes what of `connect` was done. The interfaces go with the namespace: asking for that by name takes 30 ms, and is done
 * only where the namespace stays.
 */
async function dismantle(bridge: Bridge, id: string, record: EndpointRecord | undefined): Promise<void> {
  if (record !== undefined && bridge.nft !== undefined) await withdraw(bridge.nft, bridge.name, record.ports)
  if (record?.relay !== undefined) await stopRelay(record.relay)
  if (record?.made !== false) removeNetworkNamespace(record?.namespace ?? namespaceOf(bridge, id))
  else if (isNetworkNamespace(record.namespace)) {
    const host = findInterface(bridge, record.ip)
    if (host !== undefined) await runIp(bridge, [`link del ${host}`])
  }
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
export async function openBuildNetwork(
  bridge: Bridge,
): Promise<{ readonly namespace: string } & AsyncDisposable> {
  const id = newId('build')
  const { namespace } = await connect(bridge, id, { ports: [] }, currentProcess())
  return { namespace, [Symbol.asyncDispose]: () => disconnect(bridge, id) }
}
