import type { PortBinding } from '../../runtime/runtime.ts'
import { failure } from '../../util/errors.ts'
import { lockContainer } from '../handle.ts'
import { settleLocked } from '../life/settle.ts'
import type { ContainerParts } from '../parts.ts'
import { type ContainerData, type ContainerRow, getContainer, updateContainer } from '../record.ts'
import { networkBridge, renameInNetworks } from './connect-networks.ts'
import type { TakeOverRequest } from './networks.ts'

/** See `Networks.takeOver`. */
export async function takeOver(
  parts: ContainerParts,
  container: string,
  from: string,
  { ports, aliases }: TakeOverRequest,
): Promise<void> {
  const ids = [container, from].map((name) => getContainer(parts.store, name).id)
  // always in one order: two that do this at once must not wait for each other
  await using locks = new AsyncDisposableStack()
  for (const id of ids.toSorted()) locks.use(await lockContainer(parts.store, id))
  const [taker, giver] = [await running(parts, ids[0] ?? ''), await running(parts, ids[1] ?? '')]
  const moved = await movePorts(parts, giver, taker, ports)
  const taken = updateContainer(parts.store, taker.id, (data) =>
    withPorts(
      withAliases(data, (network) => aliases[network]),
      ports,
      moved,
    ),
  )
  // first the new one has the names, then the old one has them no more
  await renameInNetworks(parts, taken)
  const given = updateContainer(parts.store, giver.id, (data) =>
    withPorts(
      withAliases(data, () => []),
      [],
      { network: moved?.network, ports: [] },
    ),
  )
  await renameInNetworks(parts, given)
}

async function running(parts: ContainerParts, id: string): Promise<ContainerRow> {
  const row = await settleLocked(parts, id)
  if (row.data.phase !== 'started') throw failure('CONTAINER_NOT_RUNNING', { id: row.name })
  return row
}

interface Moved {
  readonly network: string | undefined
  readonly ports: readonly PortBinding[]
}

/** On the network where they are published, or would be. */
async function movePorts(
  parts: ContainerParts,
  giver: ContainerRow,
  taker: ContainerRow,
  ports: readonly PortBinding[],
): Promise<Moved | undefined> {
  const isPublished = Object.values(giver.data.endpoints ?? {}).some((endpoint) => endpoint.ports.length > 0)
  if (ports.length === 0 && !isPublished) return undefined
  const places = ({ data }: ContainerRow): string[] =>
    Object.entries(data.endpoints ?? {}).flatMap(([name, { gateway }]) => (gateway === '' ? [] : [name]))
  const [network, other] = [places(giver)[0], places(taker)[0]]
  // nothing leads out: nothing is published
  if (network === undefined && other === undefined) return undefined
  if (network === undefined || other !== network)
    throw failure('NETWORK_NOT_JOINABLE', {
      container: taker.name,
      network: network ?? 'none',
      reason: 'published ports are handed over within a network only',
    })
  const bridge = await networkBridge(parts, network)
  return { network, ports: await bridge.movePorts(giver.id, taker.id, ports) }
}

function withPorts(
  data: ContainerData,
  ports: readonly PortBinding[],
  moved: Moved | undefined,
): ContainerData {
  const network = moved?.network
  const endpoint = network === undefined ? undefined : data.endpoints?.[network]
  const request = { ...data.request, ports }
  if (network === undefined || endpoint === undefined) return { ...data, request }
  return {
    ...data,
    request,
    endpoints: { ...data.endpoints, [network]: { ...endpoint, ports: moved?.ports ?? [] } },
  }
}

function withAliases(
  data: ContainerData,
  aliasesOf: (network: string) => readonly string[] | undefined,
): ContainerData {
  const networks = Object.entries(data.networks).map(([name, endpoint]) => {
    const aliases = aliasesOf(name)
    return [name, aliases === undefined ? endpoint : { ...endpoint, aliases }] as const
  })
  return { ...data, networks: Object.fromEntries(networks) }
}
