import type { OpOptions } from '../../util/progress.ts'
import type { PortRequest } from '../containers.ts'
import type { NetworkPools } from './address-pools.ts'

/** How a container is to take part in a network. */
export interface EndpointRequest {
  /** Names beside the container's own, by which the network's other members find it. */
  readonly aliases?: readonly string[]
  /** Absent: the first free address. */
  readonly ip?: string
  readonly ip6?: string
  /** `02:42:…`; absent: made of the address. */
  readonly mac?: string
}

/** What `network create` is given. */
export interface NetworkRequest extends NetworkPools {
  readonly name: string
  /** Nothing goes in or out but between its members. */
  readonly internal?: boolean
  readonly attachable?: boolean
  readonly labels?: Readonly<Record<string, string>>
  readonly options?: Readonly<Record<string, string>>
}

export interface NetworkMember {
  readonly containerId: string
  readonly name: string
  readonly ip: string
  readonly prefixLength: number
  readonly ipv6?: { readonly ip: string; readonly prefixLength: number }
  readonly mac: string
}

export interface NetworkDetails extends NetworkPools {
  /** 64 hex digits. */
  readonly id: string
  readonly name: string
  /** Milliseconds; 0 for the three that are always there. */
  readonly createdAt: number
  readonly driver: 'bridge' | 'host' | 'null'
  readonly internal: boolean
  readonly attachable: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  /** Containers that run and are connected. */
  readonly members: readonly NetworkMember[]
}

/** Networks by name, ID or unique ID prefix. Errors: NO_SUCH_NETWORK, NETWORK_NAME_IN_USE, NETWORK_IN_USE, NETWORK_PREDEFINED, … */
export interface Networks {
  /** Docker's filters (C50): dangling, driver, id, label, name, scope, type; INVALID_FILTER lists them. */
  list(filters?: Readonly<Record<string, readonly string[]>>): Promise<NetworkDetails[]>
  inspect(nameOrId: string): Promise<NetworkDetails>
  /** Makes the bridge at once, so that a subnet that is taken is told here: SUBNET_IN_USE, SUBNET_INVALID. */
  create(request: NetworkRequest): Promise<NetworkDetails>
  /** NETWORK_IN_USE while a container that runs is connected. */
  remove(nameOrId: string): Promise<void>
  /** Those that no running container is connected to; returns their names. */
  prune(
    options?: OpOptions & { readonly until?: number; readonly label?: readonly string[] },
  ): Promise<readonly string[]>
  /** Now if the container runs, and at each of its starts. */
  connect(nameOrId: string, container: string, request?: EndpointRequest): Promise<void>
  disconnect(nameOrId: string, container: string): Promise<void>
  /**
   * A running container takes the place of another one, at once for every client: it gets the published ports and the aliases
   * that it is to have, and the other one has none any more. Connections that are there stay. CONTAINER_NOT_RUNNING,
   * PORT_IN_USE, PORTS_FIXED.
   */
  takeOver(container: string, from: string, request: TakeOverRequest): Promise<void>
}

export interface TakeOverRequest {
  readonly ports: readonly PortRequest[]
  /** By network. */
  readonly aliases: Readonly<Record<string, readonly string[]>>
}
