import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { given } from '../convert/given.ts'
import { parsePruneFilters } from '../convert/prune-filters.ts'
import { toVolumeInspect } from '../convert/volume-inspect.ts'
import { readJson } from '../http/json-body.ts'
import { empty, json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

type Parts = Pick<Engine, 'volumes'>

const createFields = {
  Name: 'text',
  Driver: 'text',
  DriverOpts: ['map', 'text'],
  Labels: ['map', 'text'],
} as const

async function listVolumes({ query }: ApiRequest, { volumes }: Parts): Promise<ApiResponse> {
  const found = await volumes.list(query.filters())
  return json({ Volumes: found.map(toVolumeInspect), Warnings: null })
}

async function createVolume(request: ApiRequest, { volumes }: Parts): Promise<ApiResponse> {
  const { Name, Driver, DriverOpts, Labels } = (await readJson(request, createFields)) ?? {}
  if (Driver !== undefined && Driver !== '' && Driver !== 'local') {
    const reason = `error looking up volume plugin ${Driver}: plugin "${Driver}" not found`
    throw failure('INVALID_ARGUMENT', { reason })
  }
  const created = await volumes.create(
    given({ name: Name || undefined, options: DriverOpts, labels: Labels }),
  )
  return json(toVolumeInspect(created), 201)
}

async function inspectVolume({ name }: ApiRequest, { volumes }: Parts): Promise<ApiResponse> {
  return json(toVolumeInspect(await volumes.inspect(name)))
}

async function removeVolume({ name, query }: ApiRequest, { volumes }: Parts): Promise<ApiResponse> {
  await volumes.remove(name, { force: query.flag('force') })
  return empty()
}

/** Since API 1.42 only anonymous volumes, unless `all` says otherwise. */
async function pruneVolumes({ query, version }: ApiRequest, { volumes }: Parts): Promise<ApiResponse> {
  const known = ['label', 'label!', 'all']
  const { label, notLabel, all = version < 42 } = parsePruneFilters(query.filters(), known)
  const { removed, reclaimed } = await volumes.prune(given({ label, notLabel, all }))
  return json({ VolumesDeleted: removed, SpaceReclaimed: reclaimed })
}

export const routes: readonly Route<'volumes'>[] = [
  { method: 'GET', path: '/volumes', handle: listVolumes },
  { method: 'POST', path: '/volumes/create', handle: createVolume },
  { method: 'POST', path: '/volumes/prune', handle: pruneVolumes },
  { method: 'GET', path: '/volumes/{name}', handle: inspectVolume },
  { method: 'DELETE', path: '/volumes/{name}', handle: removeVolume },
]
