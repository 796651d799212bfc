import type { Engine } from '../../engine/engine.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

async function search(
  { query, signal }: ApiRequest,
  { registries }: Pick<Engine, 'registries'>,
): Promise<ApiResponse> {
  const limit = query.text('limit')
  const found = await registries.search(query.text('term') ?? '', {
    filters: query.filters(),
    signal,
    // what a client has no flag for it sends as 0
    ...(limit !== undefined && limit !== '0' && { limit: Number(limit) }),
  })
  return json(
    found.map(({ name, description, stars, isOfficial }) => ({
      star_count: stars,
      is_official: isOfficial,
      name,
      is_automated: false,
      description,
    })),
  )
}

export const routes: readonly Route<'registries'>[] = [
  { method: 'GET', path: '/images/search', handle: search },
]
