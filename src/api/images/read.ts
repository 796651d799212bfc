import type { Engine } from '../../engine/engine.ts'
import { toImageInspect } from '../convert/image-inspect.ts'
import { toImageFilters, toImageSummary } from '../convert/image-summary.ts'
import { platformWish } from '../http/platform.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

type Parts = Pick<Engine, 'images'>

async function listImages({ query, version }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const found = await images.list({ ...toImageFilters(query.filters()), all: query.flag('all') })
  const wish = { sharedSize: query.flag('shared-size'), version }
  return json(found.map((image) => toImageSummary(image, wish)))
}

async function inspectImage({ name, query }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  return json(toImageInspect(await images.inspect(name, platformWish(query.text('platform')))))
}

async function showHistory({ name, query }: ApiRequest, { images }: Parts): Promise<ApiResponse> {
  const rows = await images.history(name, platformWish(query.text('platform')))
  return json(
    rows.map(({ id, createdAt, createdBy, size, comment, tags }) => ({
      Comment: comment,
      Created: Math.floor(createdAt / 1000),
      CreatedBy: createdBy,
      Id: id ?? '<missing>',
      Size: size,
      Tags: tags.length === 0 ? null : tags,
    })),
  )
}

export const routes: readonly Route<'images'>[] = [
  { method: 'GET', path: '/images/json', handle: listImages },
  { method: 'GET', path: '/images/{name...}/json', handle: inspectImage },
  { method: 'GET', path: '/images/{name...}/history', handle: showHistory },
]
