import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { readJson } from '../http/json-body.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'

const authFields = { username: 'text', password: 'text', serveraddress: 'text' } as const

/** Only asks the registry: the client keeps the login itself. */
async function checkLogin(
  request: ApiRequest,
  { registries }: Pick<Engine, 'registries'>,
): Promise<ApiResponse> {
  const { username, password, serveraddress } = (await readJson(request, authFields)) ?? {}
  if (!username || password === undefined) {
    throw failure('INVALID_ARGUMENT', { reason: 'username and password are needed' })
  }
  await registries.verify(serveraddress || 'docker.io', { username, password })
  return json({ Status: 'Login Succeeded', IdentityToken: '' })
}

export const routes: readonly Route<'registries'>[] = [{ method: 'POST', path: '/auth', handle: checkLogin }]
