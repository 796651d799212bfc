import type { ContainerUpdate } from '../../containers/containers.ts'
import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { toRestartPolicy } from '../convert/restart-policy.ts'
import { given } from '../convert/given.ts'
import { limitsWish } from '../convert/limits-wish.ts'
import { parsePruneFilters } from '../convert/prune-filters.ts'
import { readJson } from '../http/json-body.ts'
import { empty, json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

type Parts = Pick<Engine, 'containers'>

const updateFields = {
  BlkioWeight: 'int',
  CpuShares: 'int',
  CpuPeriod: 'int',
  CpuQuota: 'int',
  CpuRealtimePeriod: 'int',
  CpuRealtimeRuntime: 'int',
  CpusetCpus: 'text',
  CpusetMems: 'text',
  Memory: 'int',
  MemoryReservation: 'int',
  MemorySwap: 'int',
  NanoCpus: 'int',
  PidsLimit: 'int',
  RestartPolicy: { Name: 'text', MaximumRetryCount: 'int' },
} as const

const notUpdatable = ['BlkioWeight', 'CpuRealtimePeriod', 'CpuRealtimeRuntime'] as const

async function updateContainer(request: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const body = (await readJson(request, updateFields)) ?? {}
  for (const field of notUpdatable)
    if (body[field]) throw failure('NOT_IMPLEMENTED', { feature: `updating ${field}` })
  const update: ContainerUpdate = {
    ...limitsWish(body),
    ...given({ restartPolicy: toRestartPolicy(body.RestartPolicy) }),
  }
  const warnings = await containers.update(request.name, update)
  return json({ Warnings: warnings.length === 0 ? null : warnings })
}

async function renameContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const wanted = query.text('name').replace(/^\//, '')
  if (wanted === '') throw failure('INVALID_ARGUMENT', { reason: 'Neither old nor new names may be empty' })
  await containers.rename(name, wanted)
  return empty()
}

async function pauseContainer({ name }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  await containers.pause(name)
  return empty()
}

async function unpauseContainer({ name }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  await containers.unpause(name)
  return empty()
}

async function topContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const args = query.text('ps_args').split(/\s+/).filter(Boolean)
  const { titles, rows } = await containers.top(name, args.length === 0 ? ['-ef'] : args)
  return json({ Titles: titles, Processes: rows })
}

async function pruneContainers({ query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const { label, until } = parsePruneFilters(query.filters(), ['label', 'until'])
  const { removed, reclaimed } = await containers.prune(given({ label, until }))
  return json({ ContainersDeleted: removed.length === 0 ? null : removed, SpaceReclaimed: reclaimed })
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'POST', path: '/containers/prune', handle: pruneContainers },
  { method: 'POST', path: '/containers/{id}/update', handle: updateContainer },
  { method: 'POST', path: '/containers/{id}/rename', handle: renameContainer },
  { method: 'POST', path: '/containers/{id}/pause', handle: pauseContainer },
  { method: 'POST', path: '/containers/{id}/unpause', handle: unpauseContainer },
  { method: 'GET', path: '/containers/{id}/top', handle: topContainer },
]
