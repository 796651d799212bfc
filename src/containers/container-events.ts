import { findPredefined, networkId } from './network/network-record.ts'
import type { ContainerParts } from './parts.ts'
import type { ContainerExit, ContainerRow } from './record.ts'

type Attributes = Readonly<Record<string, string>>

/** Tells what happened to a container, with its labels, name and image as Docker's events have them. */
export function recordEvent(
  { store }: Pick<ContainerParts, 'store'>,
  { id, name, data }: ContainerRow,
  action: string,
  attributes: Attributes = {},
): void {
  const own = { ...data.config.Labels, image: data.imageName, name }
  store.events.append({ type: 'container', action, id, attributes: { ...own, ...attributes } })
}

/** Its process has ended: with what, and after how many whole seconds. */
export function recordEnd(parts: ContainerParts, row: ContainerRow, exit: ContainerExit): void {
  if (exit.oomKilled) recordEvent(parts, row, 'oom')
  const { startedAt } = row.data
  const seconds = startedAt === 0 ? 0 : Math.max(Math.trunc((exit.finishedAt - startedAt) / 1000), 0)
  recordEvent(parts, row, 'die', { execDuration: String(seconds), exitCode: String(exit.code) })
}

/** Network and volumes that a container is given before its start. */
export function recordConnected(parts: ContainerParts, row: ContainerRow): void {
  const { events } = parts.store
  for (const { name, target, propagation, readonly } of namedVolumes(row)) {
    const attributes = {
      container: row.id,
      destination: target,
      driver: 'local',
      propagation,
      'read/write': String(!readonly),
    }
    events.append({ type: 'volume', action: 'mount', id: name, attributes })
  }
  for (const network of Object.keys(row.data.networks)) recordNetwork(parts, row.id, network, 'connect')
}

/** The same taken away after its end. */
export function recordDisconnected(parts: ContainerParts, row: ContainerRow): void {
  for (const network of Object.keys(row.data.networks)) recordNetwork(parts, row.id, network, 'disconnect')
  for (const { name } of namedVolumes(row)) {
    const attributes = { container: row.id, driver: 'local' }
    parts.store.events.append({ type: 'volume', action: 'unmount', id: name, attributes })
  }
}

/** `id`: of the container that joins or leaves. */
export function recordNetwork(
  { store }: Pick<ContainerParts, 'store'>,
  id: string,
  network: string,
  action: 'connect' | 'disconnect',
): void {
  const attributes = { container: id, name: network, type: findPredefined(network)?.driver ?? 'bridge' }
  store.events.append({ type: 'network', action, id: networkId(store, network), attributes })
}

function namedVolumes({
  data,
}: ContainerRow): { name: string; target: string; propagation: string; readonly: boolean }[] {
  return data.mounts.flatMap(({ type, name, target, propagation, readonly }) =>
    type !== 'volume' || name === undefined ? [] : [{ name, target, propagation, readonly }],
  )
}
