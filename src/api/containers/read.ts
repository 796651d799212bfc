import { toContainerInspect } from '../convert/container-inspect.ts'
import { toContainerSummary } from '../convert/container-summary.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'
import type { Engine } from '../../engine/engine.ts'

type Parts = Pick<Engine, 'containers'>

async function listContainers({ query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const limit = query.whole('limit') ?? 0
  const found = await containers.list({
    all: query.flag('all') || limit > 0,
    size: query.flag('size'),
    filters: query.filters(),
  })
  const now = Date.now()
  const shown = limit > 0 ? found.slice(0, limit) : found
  return json(shown.map((container) => toContainerSummary(container, now)))
}

async function inspectContainer(
  { name, query }: ApiRequest,
  { containers, execs }: Pick<ServedEngine, 'containers' | 'execs'>,
): Promise<ApiResponse> {
  const container = await containers.inspect(name, { size: query.flag('size') })
  return json(toContainerInspect(container, execs.idsOf(container.id)))
}

export const routes: readonly Route<'containers' | 'execs'>[] = [
  { method: 'GET', path: '/containers/json', handle: listContainers },
  { method: 'GET', path: '/containers/{id}/json', handle: inspectContainer },
]
