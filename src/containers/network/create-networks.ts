import type { Store } from '../../store/store.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import { randomHex } from '../../util/random.ts'
import { checkPools } from './address-pools.ts'
import { bridgeSettings } from './bridge-settings.ts'
import { connectContainer, disconnectContainer } from './change-networks.ts'
import { takeOver } from './take-over.ts'
import { openNetwork } from './connect-networks.ts'
import { findPredefined, getNetwork, predefinedNetworks } from './network-record.ts'
import type { NetworkData, NetworkRow } from './network-record.ts'
import type { NetworkDetails, NetworkMember, NetworkRequest, Networks } from './networks.ts'
import type { ContainerParts } from '../parts.ts'
import type { ContainerData } from '../record.ts'
import { settleIdle } from '../life/settle.ts'
import { hasLabel } from '../volume/volumes.ts'

type Filters = Readonly<Record<string, readonly string[]>>

/** Networks over the store; bridges are made at their first use, and again after a reboot. */
export function createNetworks(parts: ContainerParts): Networks {
  return {
    list: (filters = {}) => listNetworks(parts, filters),
    inspect: (nameOrId) => inspectNetwork(parts, nameOrId),
    create: (request) => createNetwork(parts, request),
    remove: (nameOrId) => removeNetwork(parts, nameOrId),
    prune: (options = {}) => pruneNetworks(parts, options),
    connect: (nameOrId, container, request = {}) => connectContainer(parts, nameOrId, container, request),
    disconnect: (nameOrId, container) => disconnectContainer(parts, nameOrId, container),
    takeOver: (container, from, request) => takeOver(parts, container, from, request),
  }
}

async function createNetwork(parts: ContainerParts, request: NetworkRequest): Promise<NetworkDetails> {
  const { store } = parts
  const rows = store.records<NetworkData>('network')
  checkRequest(request)
  if (findPredefined(request.name)) throw failure('NETWORK_NAME_IN_USE', { name: request.name })
  const id = randomHex(32)
  const { subnet, gateway, range, reserved, ipv6 } = request
  const data: NetworkData = {
    createdAt: Date.now(),
    internal: request.internal === true,
    attachable: request.attachable === true,
    labels: request.labels ?? {},
    options: request.options ?? {},
    ...(subnet !== undefined && { subnet }),
    ...(gateway !== undefined && { gateway }),
    ...(range !== undefined && { range }),
    ...(reserved !== undefined && { reserved }),
    ...(ipv6 !== undefined && { ipv6 }),
  }
  try {
    rows.insert({ id, name: request.name, data })
  } catch (error) {
    if (!isMilleError(error, 'NAME_IN_USE')) throw error
    throw failure('NETWORK_NAME_IN_USE', { name: request.name }, { cause: error })
  }
  try {
    const bridge = await openNetwork(parts, { id, data })
    const { prefix, prefixLength, gateway: address } = bridge.subnet
    rows.update(id, (now) => ({
      ...now,
      subnet: `${prefix}/${prefixLength}`,
      gateway: address,
      ...(bridge.ipv6 && { ipv6: { ...now.ipv6, ...bridge.ipv6 } }),
    }))
  } catch (error) {
    rows.remove(id)
    throw error
  }
  recordChange(parts, id, request.name, 'create')
  return describe(parts, getNetwork(store, id))
}

function recordChange(
  { store }: ContainerParts,
  id: string,
  name: string,
  action: 'create' | 'destroy',
): void {
  store.events.append({ type: 'network', action, id, attributes: { name, type: 'bridge' } })
}

/** Docker's rule for names of networks. */
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

function checkRequest(request: NetworkRequest): void {
  const { name, options = {} } = request
  if (!validName.test(name) || name.length > 255) throw failure('NETWORK_NAME_INVALID', { name })
  bridgeSettings(options)
  checkPools(request)
}

async function inspectNetwork(parts: ContainerParts, nameOrId: string): Promise<NetworkDetails> {
  for (const { id } of parts.store.records<ContainerData>('container').list()) await settleIdle(parts, id)
  const predefined = findPredefined(nameOrId)
  if (predefined === undefined) return describe(parts, getNetwork(parts.store, nameOrId))
  const details = describePredefined(parts, predefined)
  if (predefined.name !== 'bridge') return details
  const { prefix, prefixLength, gateway } = (await parts.bridge()).subnet
  return { ...details, subnet: `${prefix}/${prefixLength}`, gateway }
}

function describePredefined(
  { store }: ContainerParts,
  { id, name, driver }: (typeof predefinedNetworks)[number],
): NetworkDetails {
  const nothing = { internal: false, attachable: false, labels: {}, options: {}, createdAt: 0 }
  return { ...nothing, id, name, driver, members: membersOf(store, name) }
}

function describe({ store }: ContainerParts, { id, name, data }: NetworkRow): NetworkDetails {
  return { ...data, id, name, driver: 'bridge', members: membersOf(store, name) }
}

/** Containers whose process runs; the record says it, and was settled before. */
function membersOf(store: Store, network: string): NetworkMember[] {
  return store
    .records<ContainerData>('container')
    .list()
    .flatMap(({ id, name, data }) => {
      const endpoint = data.endpoints?.[network]
      if (endpoint === undefined) return []
      const { ip, prefixLength, ipv6, mac } = endpoint
      return [{ containerId: id, name, ip, prefixLength, mac, ...(ipv6 && { ipv6 }) }]
    })
}

async function removeNetwork(parts: ContainerParts, nameOrId: string): Promise<void> {
  const predefined = findPredefined(nameOrId)
  if (predefined) throw failure('NETWORK_PREDEFINED', { name: predefined.name })
  const { name, members } = await inspectNetwork(parts, nameOrId)
  if (members.length > 0) {
    const containers = members.map(
      (member) => `name:"${member.name}" id:"${member.containerId.slice(0, 12)}"`,
    )
    throw failure('NETWORK_IN_USE', { name, containers: containers.join(', ') })
  }
  const row = getNetwork(parts.store, nameOrId)
  // the bridge first: after a kill in the middle the record is still there to be removed by
  await (await openNetwork(parts, row)).remove()
  parts.store.records<NetworkData>('network').remove(row.id)
  recordChange(parts, row.id, name, 'destroy')
}

async function pruneNetworks(
  parts: ContainerParts,
  options: { readonly until?: number; readonly label?: readonly string[] },
): Promise<string[]> {
  const removed: string[] = []
  for (const network of await listNetworks(parts, { type: ['custom'], dangling: ['true'] })) {
    if (options.until !== undefined && network.createdAt > options.until) continue
    if (!(options.label ?? []).every((label) => hasLabel(network.labels, label))) continue
    try {
      await removeNetwork(parts, network.id)
      removed.push(network.name)
    } catch (error) {
      // taken into use or removed by somebody else meanwhile
      if (!isMilleError(error, 'NETWORK_IN_USE', 'NO_SUCH_NETWORK')) throw error
    }
  }
  return removed
}

async function listNetworks(parts: ContainerParts, filters: Filters): Promise<NetworkDetails[]> {
  const test = networkTest(filters)
  const { store } = parts
  for (const { id } of store.records<ContainerData>('container').list()) await settleIdle(parts, id)
  return [
    ...predefinedNetworks.map((network) => describePredefined(parts, network)),
    ...store
      .records<NetworkData>('network')
      .list()
      .map((row) => describe(parts, row)),
  ]
    .filter(test)
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

const isTrue = (value: string): boolean => /^(1|true)$/i.test(value)

const tests: Readonly<Record<string, (network: NetworkDetails, values: readonly string[]) => boolean>> = {
  dangling: ({ driver, createdAt, members }, values) =>
    values.every((value) => (driver === 'bridge' && createdAt > 0 && members.length === 0) === isTrue(value)),
  driver: ({ driver }, values) => values.includes(driver),
  id: ({ id }, values) => values.some((value) => id.startsWith(value)),
  label: ({ labels }, values) => values.every((value) => hasLabel(labels, value)),
  name: ({ name }, values) => values.some((value) => name.includes(value)),
  scope: (_, values) => values.includes('local'),
  type: ({ id }, values) =>
    values.includes(predefinedNetworks.some((one) => one.id === id) ? 'builtin' : 'custom'),
}

function networkTest(filters: Filters): (network: NetworkDetails) => boolean {
  const unknown = Object.keys(filters).find((name) => !Object.hasOwn(tests, name))
  if (unknown !== undefined)
    throw failure('INVALID_FILTER', { filter: unknown, known: Object.keys(tests).join(', ') })
  return (network) =>
    Object.entries(filters).every(([name, values]) => tests[name]?.(network, values) === true)
}
