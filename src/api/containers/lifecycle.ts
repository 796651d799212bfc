import { failure } from '../../util/errors.ts'
import { empty, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'
import type { Engine } from '../../engine/engine.ts'

type Parts = Pick<Engine, 'containers'>

async function startContainer({ name }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  try {
    await containers.start(name)
  } catch (error) {
    await removeUnstarted(containers, name)
    throw error
  }
  return empty()
}

/** As Docker: what could not start stays to be looked at, unless it was to be removed anyway. */
async function removeUnstarted(containers: Parts['containers'], name: string): Promise<void> {
  const found = await containers.inspect(name).catch(() => undefined)
  if (found?.request.autoRemove !== true || found.state.status !== 'created') return
  await containers.remove(found.id, { force: true, volumes: true }).catch(() => undefined)
}

async function stopContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const timeout = query.whole('t')
  const stopSignal = query.text('signal')
  await containers.stop(name, {
    ...(timeout !== undefined && { timeout }),
    ...(stopSignal !== '' && { stopSignal }),
  })
  return empty()
}

async function restartContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  const timeout = query.whole('t')
  await containers.restart(name, { ...(timeout !== undefined && { timeout }) })
  return empty()
}

async function killContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  await containers.kill(name, query.text('signal') || 'SIGKILL')
  return empty()
}

async function removeContainer({ name, query }: ApiRequest, { containers }: Parts): Promise<ApiResponse> {
  // never the container in place of a link
  if (query.flag('link')) throw failure('NOT_IMPLEMENTED', { feature: 'removing a link' })
  await containers.remove(name, { force: query.flag('force'), volumes: query.flag('v') })
  return empty()
}

export const routes: readonly Route<'containers'>[] = [
  { method: 'POST', path: '/containers/{id}/start', handle: startContainer },
  { method: 'POST', path: '/containers/{id}/stop', handle: stopContainer },
  { method: 'POST', path: '/containers/{id}/restart', handle: restartContainer },
  { method: 'POST', path: '/containers/{id}/kill', handle: killContainer },
  { method: 'DELETE', path: '/containers/{id}', handle: removeContainer },
]
