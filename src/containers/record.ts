import type { ContainerConfig } from '../oci/config.ts'
import type { ProcessIdentity } from '../linux/process-identity.ts'
import type { ChainId, Digest } from '../oci/digest.ts'
import type { HealthState } from '../runtime/health/health-state.ts'
import type { Endpoint } from '../runtime/runtime.ts'
import type { RecordRow, UpdateOptions } from '../store/record-store.ts'
import type { Store } from '../store/store.ts'
import { failure } from '../util/errors.ts'
import type { ContainerMount, ContainerRequest } from './containers.ts'
import type { EndpointRequest } from './network/networks.ts'
import { suggest } from '../util/suggest.ts'

/** What the store keeps of a container: everything that cannot be read back from the runtime. Times are milliseconds. */
export interface ContainerData {
  readonly createdAt: number
  readonly imageId: Digest
  readonly imageName: string
  readonly chain?: ChainId
  readonly request: ContainerRequest
  /** Request and image merged. */
  readonly config: ContainerConfig
  readonly hostname: string
  readonly args: readonly string[]
  readonly mounts: readonly ContainerMount[]
  /** Anonymous volumes made for this container: they go with `rm -v` and with `--rm`. */
  readonly anonymousVolumes: readonly string[]
  /**
   * `creating`: its maker holds the container's lock; `created`: nothing runs; `preparing`: somebody who holds the lock
   * makes network and process; `prepared`: the runtime holds it before its first instruction, until `preparer` starts
   * it; `started`: the process was begun, ask the runtime how it is now; `exited`: `exit` says how; `removing`: `rm` has
   * begun and will be finished.
   */
  readonly phase: 'creating' | 'created' | 'preparing' | 'prepared' | 'started' | 'exited' | 'removing'
  /** Who made it in order to start it. */
  readonly starter?: ProcessIdentity
  /** Who prepared it. Without that process nobody will start what waits. */
  readonly preparer?: ProcessIdentity
  readonly startedAt: number
  readonly exit?: ContainerExit
  /** Its policy has it started again at that time, by that process. Only of a container that has ended. */
  readonly restart?: { readonly at: number; readonly by?: ProcessIdentity }
  /** Milliseconds that the last start by policy was waited for. */
  readonly lastDelay?: number
  /** Starts by policy since the last one by a user. */
  readonly restartCount?: number
  /** Exit code of the run before this one, when a policy began this one: whoever waited for that may come late. */
  readonly lastCode?: number
  /** A user ended it: its policy leaves it so. */
  readonly isStopped?: boolean
  /** How it was when it ended. */
  readonly health?: HealthState
  /** Why the last start failed. */
  readonly error: string
  /** Networks it is in whenever it runs, by name; `host` or `none` alone. */
  readonly networks: Readonly<Record<string, EndpointRequest>>
  /** The container whose network it shares; then it has none of its own. */
  readonly joined?: string
  /** While it runs: where it is connected, by the network's name. */
  readonly endpoints?: Readonly<Record<string, Endpoint>>
  /** While it runs: path of its network namespace. */
  readonly namespace?: string
}

export interface ContainerExit {
  readonly code: number
  readonly finishedAt: number
  readonly oomKilled: boolean
}

export type ContainerRow = RecordRow<ContainerData>

/** It has a process, is about to have one, or had one whose end nobody has recorded. */
export function hasProcess({ phase }: ContainerData): boolean {
  return phase === 'preparing' || phase === 'prepared' || phase === 'started'
}

/** The writable snapshot of a container. */
export function snapshotKey(id: string): string {
  return `container-${id}`
}

/** By name, whole id or unique id prefix; NO_SUCH_CONTAINER. Docker lets names begin with `/`. */
export function getContainer(store: Store, nameOrId: string): ContainerRow {
  const row = store.records<ContainerData>('container').find(nameOrId.replace(/^\//, ''))
  if (!row) throw failure('NO_SUCH_CONTAINER', { name: nameOrId, hint: nearName(store, nameOrId) })
  return row
}

function nearName(store: Store, name: string): string {
  const near = suggest(
    name.replace(/^\//, ''),
    store
      .records<ContainerData>('container')
      .list()
      .map((row) => row.name),
  )
  return near === undefined ? '' : ` (did you mean ${near}?)`
}

/** Changes the record in one transaction; NO_SUCH_CONTAINER when it was removed meanwhile. */
export function updateContainer(
  store: Store,
  id: string,
  change: (data: ContainerData) => ContainerData,
  options?: UpdateOptions,
): ContainerRow {
  const row = store.records<ContainerData>('container').update(id, change, options)
  if (!row) throw failure('NO_SUCH_CONTAINER', { name: id, hint: '' })
  return row
}
