import { rename, rm, rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { folderBytes } from '../../linux/folder-size.ts'
import type { RecordRow } from '../../store/record-store.ts'
import type { Store } from '../../store/store.ts'
import { makeFoldersWithMode } from '../../util/exact-mode.ts'
import { failure, isMilleError } from '../../util/errors.ts'
import type { VolumeDetails, Volumes } from './volume-details.ts'
import type { ContainerData } from '../record.ts'
import { randomHex } from '../../util/random.ts'
import { unmountBelow } from '../../linux/unmount-below.ts'
import { checkVolumeOptions } from './volume-options.ts'

export interface VolumeData {
  readonly createdAt: number
  readonly labels: Readonly<Record<string, string>>
  readonly options: Readonly<Record<string, string>>
  readonly anonymous: boolean
  /** Set once the image's files were copied in, or something else was mounted: never filled again (A65). */
  readonly filled: boolean
}

type VolumeRow = RecordRow<VolumeData>

/** Named folders below the store that outlive containers. */
export function createVolumes(store: Store): Volumes {
  const rows = store.records<VolumeData>('volume')
  const find = (name: string): VolumeRow => {
    const row = rows.get(name)
    if (!row) throw failure('NO_SUCH_VOLUME', { name })
    return row
  }
  return {
    list: async (filters = {}) => listVolumes(store, filters),
    create: async (request) => describe(store, await createVolume(store, request)),
    inspect: async (name) => describe(store, find(name)),
    remove: (name, options = {}) => removeVolume(store, name, options.force === true),
    prune: (options = {}) => pruneVolumes(store, options),
    size: async (name) => folderBytes(volumePath(store, find(name).id)),
  }
}

/** Where a volume's files lie. The name was checked when the volume was made: it is one path part. */
export function volumePath(store: Store, name: string): string {
  return join(store.root, 'volumes', name, '_data')
}

const tooShort = 'volume name is too short, names should be at least two alphanumeric characters'

/** Docker's rule for volume names; a name becomes a folder. */
const validName = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/

/** Idempotent for a name; absent: anonymous, 64 hex digits. */
export async function createVolume(
  store: Store,
  request: {
    readonly name?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly options?: Readonly<Record<string, string>>
  },
): Promise<VolumeRow> {
  const rows = store.records<VolumeData>('volume')
  const name = request.name ?? randomHex(32)
  if (!validName.test(name) || name.length > 255) throw failure('VOLUME_NAME_INVALID', { name })
  const known = rows.get(name)
  if (known) return known
  if (name.length === 1) throw failure('VOLUME_INVALID', { name, reason: tooShort })
  checkVolumeOptions(name, request.options ?? {})
  // folder before record: a record always has its folder, a folder alone is harmless
  await store.folder('volumes', name)
  makeFoldersWithMode(volumePath(store, name), 0o755)
  const data: VolumeData = {
    createdAt: Date.now(),
    labels: request.labels ?? {},
    options: request.options ?? {},
    anonymous: request.name === undefined,
    filled: false,
  }
  try {
    rows.insert({ id: name, name, data })
    recordVolume(store, name, 'create')
  } catch (error) {
    // another process made it between the look and the insert: creating is idempotent
    if (!isMilleError(error, 'NAME_IN_USE')) throw error
  }
  const row = rows.get(name)
  if (!row) throw failure('NO_SUCH_VOLUME', { name })
  return row
}

export function markFilled(store: Store, name: string): void {
  store.records<VolumeData>('volume').update(name, (data) => ({ ...data, filled: true }))
}

/** VOLUME_IN_USE names the containers, running or not. */
export async function removeVolume(store: Store, name: string, force: boolean): Promise<void> {
  const row = store.records<VolumeData>('volume').get(name)
  if (!row) {
    if (force) return
    throw failure('NO_SUCH_VOLUME', { name })
  }
  const users = usersOfVolume(store, name)
  if (users.length > 0) throw failure('VOLUME_IN_USE', { name, containers: users.join(', ') })
  // what options name is another's: it is taken away, never emptied
  const folder = join(store.root, 'volumes', name)
  const isForeign = Object.keys(row.data.options).length > 0
  if (isForeign) unmountBelow(folder)
  store.records<VolumeData>('volume').remove(name)
  if (isForeign) await dropEmpty(folder)
  else await dropFolder(store, name)
  recordVolume(store, name, 'destroy')
}

function recordVolume({ events }: Store, name: string, action: 'create' | 'destroy'): void {
  events.append({ type: 'volume', action, id: name, attributes: { driver: 'local' } })
}

/** Fails where something is still mounted, or was written below the mount. */
async function dropEmpty(folder: string): Promise<void> {
  for (const path of [join(folder, '_data'), folder]) await rmdir(path)
}

/** Rename first: after a kill in the middle no half-emptied folder has the volume's name. */
async function dropFolder(store: Store, name: string): Promise<void> {
  const trash = join(await store.folder('trash'), `volume-${name}-${randomHex(4)}`)
  try {
    await rename(join(store.root, 'volumes', name), trash)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  await rm(trash, { recursive: true, force: true })
}

function usersOfVolume(store: Store, name: string): string[] {
  return store
    .records<ContainerData>('container')
    .list()
    .filter(({ data }) => data.mounts.some((mount) => mount.type === 'volume' && mount.name === name))
    .map(({ id }) => id)
}

function describe(store: Store, row: VolumeRow): VolumeDetails {
  const { createdAt, labels, options, anonymous } = row.data
  return {
    name: row.name,
    driver: 'local',
    mountpoint: volumePath(store, row.name),
    labels,
    options,
    createdAt,
    anonymous,
    usedBy: usersOfVolume(store, row.name),
  }
}

function listVolumes(store: Store, filters: Readonly<Record<string, readonly string[]>>): VolumeDetails[] {
  const volumes = store
    .records<VolumeData>('volume')
    .list()
    .map((row) => describe(store, row))
  const { name = [], dangling = [], label = [], driver = [], ...unknown } = filters
  const bad = Object.keys(unknown)[0]
  if (bad !== undefined)
    throw failure('INVALID_FILTER', { filter: bad, known: 'dangling, driver, label, name' })
  return volumes
    .filter((volume) => name.length === 0 || name.some((part) => volume.name.includes(part)))
    .filter((volume) => driver.length === 0 || driver.includes(volume.driver))
    .filter((volume) => dangling.every((value) => (volume.usedBy.length === 0) === /^(1|true)$/i.test(value)))
    .filter((volume) => label.every((wanted) => hasLabel(volume.labels, wanted)))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
}

/** `key` or `key=value`. */
export function hasLabel(labels: Readonly<Record<string, string>>, wanted: string): boolean {
  const equals = wanted.indexOf('=')
  const key = equals < 0 ? wanted : wanted.slice(0, equals)
  return Object.hasOwn(labels, key) && (equals < 0 || labels[key] === wanted.slice(equals + 1))
}

/** Anonymous volumes that no container has; with `all` named ones too (C52). */
async function pruneVolumes(
  store: Store,
  options: {
    readonly all?: boolean
    readonly label?: readonly string[]
    readonly notLabel?: readonly string[]
  },
): Promise<{ removed: string[]; reclaimed: number }> {
  const unused = listVolumes(store, {}).filter(
    (volume) =>
      volume.usedBy.length === 0 &&
      (options.all === true || volume.anonymous) &&
      (options.label ?? []).every((label) => hasLabel(volume.labels, label)) &&
      !(options.notLabel ?? []).some((label) => hasLabel(volume.labels, label)),
  )
  let reclaimed = 0
  for (const volume of unused) {
    reclaimed += await folderBytes(volume.mountpoint)
    await removeVolume(store, volume.name, true)
  }
  store.events.append({
    type: 'volume',
    action: 'prune',
    id: '',
    attributes: { reclaimed: String(reclaimed) },
  })
  return { removed: unused.map((volume) => volume.name), reclaimed }
}
