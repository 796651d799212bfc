import { failure } from '../../util/errors.ts'
import { json, type ApiResponse } from '../http/response.ts'
import type { Method, Route } from '../route.ts'

const noSwarm =
  'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to swarm and try again.'

async function refuseSwarm(): Promise<ApiResponse> {
  return json({ message: noSwarm }, 503)
}

async function listPlugins(): Promise<ApiResponse> {
  return json([])
}

async function refuseBuildKit(): Promise<ApiResponse> {
  throw failure('NOT_IMPLEMENTED', { feature: "BuildKit's protocol: set DOCKER_BUILDKIT=0, it" })
}

const methods: readonly Method[] = ['GET', 'POST', 'DELETE']
const swarmPaths = ['swarm', 'nodes', 'services', 'tasks', 'secrets', 'configs'] as const

/** What mille does not have, in the words that clients know how to read. */
export const routes: readonly Route<never>[] = [
  ...swarmPaths.flatMap((resource) =>
    methods.flatMap((method): readonly Route<never>[] => [
      { method, path: `/${resource}`, handle: refuseSwarm },
      { method, path: `/${resource}/{rest...}`, handle: refuseSwarm },
    ]),
  ),
  { method: 'GET', path: '/plugins', handle: listPlugins },
  { method: 'POST', path: '/grpc', handle: refuseBuildKit },
  { method: 'POST', path: '/session', handle: refuseBuildKit },
]
