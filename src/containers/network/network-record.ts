import type { RecordRow } from '../../store/record-store.ts'
import type { Store } from '../../store/store.ts'
import { failure } from '../../util/errors.ts'
import type { NetworkPools } from './address-pools.ts'
import { suggest } from '../../util/suggest.ts'

/** What the store keeps of a user's network; subnet and gateway are absent only until the bridge that was made says what it got. */
export interface NetworkData extends NetworkPools {
  /** Milliseconds. */
  readonly createdAt: number
  readonly internal: boolean
  readonly attachable: boolean
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
}

export type NetworkRow = RecordRow<NetworkData>

/** Networks that every store has; they cannot be made or removed. IDs: any fixed ones. */
export const predefinedNetworks: readonly {
  readonly name: 'bridge' | 'host' | 'none'
  readonly id: string
  readonly driver: 'bridge' | 'host' | 'null'
}[] = [
  {
    name: 'bridge',
    driver: 'bridge',
    id: 'b08a023fe0630003ffddb9642e0e7fd0d7872c43db74315a0c24661e956b3a97',
  },
  { name: 'host', driver: 'host', id: 'e27c1a457e89a96bd7c51261d05b66914c172330021d889f5efe2225f9eea19e' },
  { name: 'none', driver: 'null', id: '030ed96da5489468a8c1b98270fdae6693aeceec0d7050f7082bfa2756dff6ad' },
]

export function findPredefined(nameOrId: string): (typeof predefinedNetworks)[number] | undefined {
  // a prefix of an ID is at least as long as those that are shown
  return predefinedNetworks.find(
    ({ name, id }) => name === nameOrId || (nameOrId.length >= 12 && id.startsWith(nameOrId)),
  )
}

/** A user's network; NO_SUCH_NETWORK. */
export function getNetwork(store: Store, nameOrId: string): NetworkRow {
  const row = store.records<NetworkData>('network').find(nameOrId)
  if (row) return row
  const names = [...predefinedNetworks, ...store.records('network').list()].map(({ name }) => name)
  const near = suggest(nameOrId, names)
  throw failure('NO_SUCH_NETWORK', {
    name: nameOrId,
    hint: near === undefined ? '' : `: did you mean ${near}?`,
  })
}

/** The name under which containers know it. NO_SUCH_NETWORK. */
export function networkName(store: Store, nameOrId: string): string {
  if (nameOrId === 'default') return 'bridge'
  return findPredefined(nameOrId)?.name ?? getNetwork(store, nameOrId).name
}

export function networkId(store: Store, name: string): string {
  return findPredefined(name)?.id ?? store.records<NetworkData>('network').find(name)?.id ?? ''
}
