import { networkPools } from '../../containers/network/address-pools.ts'
import type { Engine } from '../../engine/engine.ts'
import { failure } from '../../util/errors.ts'
import { toEndpointRequest } from '../convert/endpoint-request.ts'
import { given } from '../convert/given.ts'
import { toNetworkInspect } from '../convert/network-inspect.ts'
import { parsePruneFilters } from '../convert/prune-filters.ts'
import { refuseGiven } from '../convert/unsupported-fields.ts'
import { readJson } from '../http/json-body.ts'
import { empty, json, type ApiResponse } from '../http/response.ts'
import type { ApiRequest, Route } from '../route.ts'
import { endpointFields } from '../types/endpoint-fields.ts'

type Parts = Pick<Engine, 'networks'>

const createFields = {
  Name: 'text',
  Driver: 'text',
  Scope: 'text',
  ConfigFrom: { Network: 'text' },
  Internal: 'flag',
  Attachable: 'flag',
  Ingress: 'flag',
  ConfigOnly: 'flag',
  EnableIPv4: 'flag',
  EnableIPv6: 'flag',
  IPAM: {
    Driver: 'text',
    Config: [{ Subnet: 'text', IPRange: 'text', Gateway: 'text', AuxiliaryAddresses: ['map', 'text'] }],
    Options: ['map', 'text'],
  },
  Options: ['map', 'text'],
  Labels: ['map', 'text'],
} as const

async function listNetworks({ query }: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  const found = await networks.list(query.filters())
  return json(found.map(toNetworkInspect))
}

async function inspectNetwork({ name }: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  return json(toNetworkInspect(await networks.inspect(name)))
}

async function createNetwork(request: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  const body = (await readJson(request, createFields)) ?? {}
  const driver = body.Driver || 'bridge'
  if (driver !== 'bridge') throw failure('NOT_IMPLEMENTED', { feature: `network driver ${driver}` })
  for (const field of ['Ingress', 'ConfigOnly'] as const) {
    if (body[field] === true) throw failure('NOT_IMPLEMENTED', { feature: `a network with ${field}` })
  }
  refuseGiven(body.ConfigFrom, ['Network'], 'ConfigFrom.')
  if (body.EnableIPv4 === false) throw failure('NOT_IMPLEMENTED', { feature: 'a network without EnableIPv4' })
  if (body.Scope && body.Scope !== 'local')
    throw failure('NOT_IMPLEMENTED', { feature: `network scope ${body.Scope}` })
  if (body.IPAM?.Driver && body.IPAM.Driver !== 'default')
    throw failure('NOT_IMPLEMENTED', { feature: `IPAM.Driver ${body.IPAM.Driver}` })
  refuseGiven(body.IPAM, ['Options'], 'IPAM.')
  const pools = (body.IPAM?.Config ?? []).map((pool) =>
    given({
      subnet: pool.Subnet || undefined,
      range: pool.IPRange || undefined,
      gateway: pool.Gateway || undefined,
      reserved: pool.AuxiliaryAddresses,
    }),
  )
  const { id } = await networks.create({
    name: body.Name ?? '',
    internal: body.Internal ?? false,
    attachable: body.Attachable ?? false,
    ...given({
      labels: body.Labels,
      options: body.Options,
    }),
    ...networkPools(pools, body.EnableIPv6 ?? false),
  })
  return json({ Id: id, Warning: '' }, 201)
}

async function removeNetwork({ name }: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  await networks.remove(name)
  return empty()
}

const connectFields = { Container: 'text', EndpointConfig: endpointFields as typeof endpointFields } as const

async function connectNetwork(request: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  const { Container = '', EndpointConfig } = (await readJson(request, connectFields)) ?? {}
  await networks.connect(request.name, Container, toEndpointRequest(EndpointConfig, 'EndpointConfig.'))
  return empty(200)
}

async function disconnectNetwork(request: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  const fields = { Container: 'text', Force: 'flag' } as const
  const { Container = '' } = (await readJson(request, fields)) ?? {}
  await networks.disconnect(request.name, Container)
  return empty(200)
}

async function pruneNetworks({ query, signal }: ApiRequest, { networks }: Parts): Promise<ApiResponse> {
  const { label, until } = parsePruneFilters(query.filters(), ['label', 'until'])
  const removed = await networks.prune({ signal, ...given({ label, until }) })
  return json({ NetworksDeleted: removed.length === 0 ? null : removed })
}

export const routes: readonly Route<'networks'>[] = [
  { method: 'GET', path: '/networks', handle: listNetworks },
  { method: 'POST', path: '/networks/create', handle: createNetwork },
  { method: 'POST', path: '/networks/prune', handle: pruneNetworks },
  { method: 'GET', path: '/networks/{id}', handle: inspectNetwork },
  { method: 'DELETE', path: '/networks/{id}', handle: removeNetwork },
  { method: 'POST', path: '/networks/{id}/connect', handle: connectNetwork },
  { method: 'POST', path: '/networks/{id}/disconnect', handle: disconnectNetwork },
]
