import { chainIdOf, type DiffId, digestHex, shortId } from '../../oci/digest.ts'
import type { CacheRecord, Store } from '../../store/store.ts'
import type { CacheUsage } from '../build.ts'
import { FailedSteps } from '../debug/failed-steps.ts'
import { listSources, removeSource } from '../sources/source-cache.ts'
import { CacheMounts } from './cache-mounts.ts'

/** A row of the build cache and how it goes. */
export interface CacheEntry {
  readonly row: CacheUsage
  /** A step's record; the others have no layer. */
  readonly record?: CacheRecord
  /** Removes what the row alone has; false when somebody uses it now. Layers go with the next collection. */
  remove(): Promise<boolean>
}

/** Rows for `system df` and `builder du`: aliases (the same result found by its text) are not counted. */
export async function cacheUsage(store: Store): Promise<CacheUsage[]> {
  return (await listEntries(store)).map(({ row }) => row)
}

export async function listEntries(store: Store): Promise<CacheEntry[]> {
  return [
    ...stepEntries(store),
    ...(await sourceEntries(store)),
    ...(await mountEntries(store)),
    ...(await failureEntries(store)),
  ]
}

function stepEntries(store: Store): CacheEntry[] {
  const records = store.cache.list()
  const used = new Set<string>(store.images.list().flatMap(({ config }) => config.rootfs.diff_ids))
  const held = store.held()
  const main = records.filter((record) => !isAlias(record))
  const owners = new Map(
    main.flatMap(({ chain, key }) => (chain === undefined ? [] : [[chain, shortId(key)]])),
  )
  const aliases = Map.groupBy(records.filter(isAlias), resultOf)
  return main.map((record) => ({
    record,
    row: stepRow(record, { used, held, owners }),
    remove: () => {
      // else the text would go on leading to the result
      const others = aliases.get(resultOf(record)) ?? []
      store.cache.remove([record, ...others].map(({ key }) => key))
      return Promise.resolve(true)
    },
  }))
}

interface Surroundings {
  /** Layers of images. */
  readonly used: ReadonlySet<string>
  readonly held: ReadonlySet<string>
  /** IDs of rows by their chain. */
  readonly owners: ReadonlyMap<string, string>
}

function stepRow(record: CacheRecord, { used, held, owners }: Surroundings): CacheUsage {
  const { key, description, chain, diffIds = [], size, createdAt, lastUsedAt, uses } = record
  const { type = '', added } = dataOf(record)
  const below = added === undefined ? undefined : chainIdOf(diffIds.slice(0, -1))
  const parent = below === undefined ? undefined : owners.get(below)
  return {
    id: shortId(key),
    parents: parent === undefined ? [] : [parent],
    description,
    type: type.startsWith('source.') ? type : 'regular',
    // the next build of the context puts another one in its place
    mutable: type.startsWith('source.'),
    size,
    createdAt,
    lastUsedAt,
    uses,
    inUse: chain !== undefined && held.has(chain),
    shared: size > 0 && added !== undefined && used.has(added),
  }
}

async function sourceEntries(store: Store): Promise<CacheEntry[]> {
  return (await listSources(store)).map(({ kind, id, ...source }) => ({
    row: {
      ...source,
      id,
      parents: [],
      type: kind === 'git' ? 'source.git.checkout' : 'source.http',
      mutable: true,
      uses: 1,
      inUse: false,
      shared: false,
    },
    remove: () => removeSource(store, id),
  }))
}

async function mountEntries(store: Store): Promise<CacheEntry[]> {
  const mounts = new CacheMounts(store)
  return await Promise.all(
    mounts.list().map(async (record) => {
      const { description, createdAt, lastUsedAt, uses } = record.data
      const row: CacheUsage = {
        id: shortId(`sha256:${record.id}`),
        parents: [],
        description,
        type: 'exec.cachemount',
        mutable: true,
        size: await mounts.size(record),
        createdAt,
        lastUsedAt,
        uses,
        inUse: await mounts.isInUse(record.id),
        shared: false,
      }
      return { row, remove: () => mounts.remove(record.id) }
    }),
  )
}

async function failureEntries(store: Store): Promise<CacheEntry[]> {
  const steps = new FailedSteps(store)
  return await Promise.all(
    steps.list().map(async (step) => {
      const { createdAt, lastUsedAt, uses } = step.data
      const row: CacheUsage = {
        id: step.id,
        parents: [],
        description: `files of the failed step ${step.data.step.name}`,
        type: 'exec.failed',
        mutable: true,
        size: await steps.size(step),
        createdAt,
        lastUsedAt,
        uses,
        inUse: await steps.isInUse(step.id),
        shared: false,
      }
      return { row, remove: () => steps.remove(step) }
    }),
  )
}

interface StepData {
  readonly type?: string
  readonly added?: DiffId
  readonly alias?: true
}

function dataOf({ data }: CacheRecord): StepData {
  return (data ?? {}) as StepData
}

function isAlias(record: CacheRecord): boolean {
  return dataOf(record).alias === true
}

/** Names what a record and its aliases have in common. */
function resultOf(record: CacheRecord): string {
  return `${record.chain ?? record.description} ${dataOf(record).added ?? ''}`
}

/** Names of files that go with records: what is kept beside them. */
export function keptNames(store: Store): ReadonlySet<string> {
  return new Set(store.cache.list().map(({ key }) => digestHex(key)))
}
