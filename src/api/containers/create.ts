import { parsePlatform } from '../../oci/platform.ts'
import type { Engine } from '../../engine/engine.ts'
import { toContainerWish } from '../convert/container-create.ts'
import { readJson } from '../http/json-body.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'
import { containerCreateFields } from '../types/container-create.ts'

async function createContainer(
  request: ApiRequest,
  { containers }: Pick<Engine, 'containers'>,
): Promise<ApiResponse> {
  const wish = toContainerWish(await readJson(request, containerCreateFields))
  const name = request.query.text('name').replace(/^\//, '')
  const platform = request.query.text('platform')
  const { id, warnings } = await containers.create({
    ...wish,
    ...(name !== '' && { name }),
    ...(platform !== '' && { platform: parsePlatform(platform) }),
  })
  return json({ Id: id, Warnings: warnings }, 201)
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'POST', path: '/containers/create', handle: createContainer },
]
