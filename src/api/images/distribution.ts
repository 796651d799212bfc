import type { Manifests } from '../../images/manifests/manifests.ts'
import { registryAuth } from '../http/registry-auth.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route, ServedEngine } from '../route.ts'

type Parts = Pick<ServedEngine, 'manifests' | 'withLogins'>

/** What a name leads to in its registry; nothing is fetched but manifests. */
async function inspectRemote(request: ApiRequest, parts: Parts): Promise<ApiResponse> {
  const logins = registryAuth(request.headers)
  if (logins === undefined) return await inspect(request, parts.manifests)
  await using own = parts.withLogins(logins)
  return await inspect(request, own.manifests)
}

async function inspect({ name, signal }: ApiRequest, manifests: Manifests): Promise<ApiResponse> {
  const { document, members } = await manifests.inspect(name, { signal })
  const { mediaType, digest, size } = document.descriptor
  return json({
    Descriptor: { mediaType, digest, size },
    Platforms: members.flatMap(({ descriptor: { platform } }) => (platform === undefined ? [] : [platform])),
  })
}

export const routes: readonly Route<'manifests' | 'withLogins'>[] = [
  { method: 'GET', path: '/distribution/{name...}/json', handle: inspectRemote },
]
