import type { Engine } from '../../engine/engine.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

/** What a name leads to in its registry; nothing is fetched but manifests. */
async function inspectRemote(
  { name, signal }: ApiRequest,
  { manifests }: Pick<Engine, 'manifests'>,
): Promise<ApiResponse> {
  const { document, members } = await manifests.inspect(name, { signal })
  const { mediaType, digest, size } = document.descriptor
  return json({
    Descriptor: { mediaType, digest, size },
    Platforms: members.flatMap(({ descriptor: { platform } }) => (platform === undefined ? [] : [platform])),
  })
}

export const routes: readonly Route<'manifests'>[] = [
  { method: 'GET', path: '/distribution/{name...}/json', handle: inspectRemote },
]
