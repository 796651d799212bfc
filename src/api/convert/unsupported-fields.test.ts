import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isMilleError } from '../../util/errors.ts'
import type { ContainerCreateBody } from '../types/container-create.ts'
import { toContainerWish } from './container-create.ts'

const create = (body: ContainerCreateBody): ReturnType<typeof toContainerWish> =>
  toContainerWish({ Image: 'busybox', ...body })
const mount = (more: object): ContainerCreateBody => ({
  HostConfig: { Mounts: [{ Type: 'volume', Source: 'data', Target: '/data', ...more }] },
})
const endpoint = (one: object): ContainerCreateBody => ({
  NetworkingConfig: { EndpointsConfig: { net: one } },
})

test('a wish that containers cannot have is refused by the name of its field', () => {
  const cases: readonly (readonly [ContainerCreateBody, string])[] = [
    [{ NetworkDisabled: true }, 'NetworkDisabled'],
    [{ Shell: ['/bin/bash', '-c'] }, 'Shell'],
    [{ HostConfig: { BlkioWeight: 100 } }, 'HostConfig.BlkioWeight'],
    [{ HostConfig: { Isolation: 'hyperv' } }, 'HostConfig.Isolation'],
    [
      mount({ VolumeOptions: { DriverConfig: { Name: 'nfs' } } }),
      'HostConfig.Mounts.VolumeOptions.DriverConfig.Name nfs',
    ],
    [
      mount({ BindOptions: { ReadOnlyNonRecursive: true } }),
      'HostConfig.Mounts.BindOptions.ReadOnlyNonRecursive',
    ],
    [
      endpoint({ IPAMConfig: { LinkLocalIPs: ['fe80::5'] } }),
      'NetworkingConfig.EndpointsConfig.net.IPAMConfig.LinkLocalIPs',
    ],
    [endpoint({ Links: ['db:db'] }), 'NetworkingConfig.EndpointsConfig.net.Links'],
    [endpoint({ DriverOpts: { a: 'b' } }), 'NetworkingConfig.EndpointsConfig.net.DriverOpts'],
    [endpoint({ GwPriority: 1 }), 'NetworkingConfig.EndpointsConfig.net.GwPriority'],
  ]
  for (const [body, field] of cases) {
    assert.throws(
      () => create(body),
      (error) => isMilleError(error, 'NOT_IMPLEMENTED') && error.message.startsWith(`${field} is not `),
      field,
    )
  }
})

test('devices that need a driver or a description are refused in Docker’s words', () => {
  const refused = (wish: object): string => {
    try {
      create({ HostConfig: { DeviceRequests: [wish] } })
      return ''
    } catch (error) {
      return isMilleError(error, 'DEVICES_UNKNOWN') ? error.message : String(error)
    }
  }
  assert.equal(
    refused({ Driver: '', Count: -1, Capabilities: [['gpu']], Options: {} }),
    'could not select device driver "" with capabilities: [[gpu]]',
  )
  // of those only the engine knows which there are
  assert.equal(refused({ Driver: 'cdi', DeviceIDs: ['vendor.com/gpu=0'] }), '')
})

test('what clients send without asking for anything passes', () => {
  create({
    NetworkDisabled: false,
    OnBuild: [],
    MacAddress: '',
    HostConfig: { BlkioWeightDevice: [], DeviceRequests: [], Isolation: 'default' },
    ...endpoint({ IPAMConfig: {}, DriverOpts: {}, Links: [], GwPriority: 0 }),
  })
  create(mount({ BindOptions: {}, VolumeOptions: { DriverConfig: { Name: 'local' } } }))
})

test("the container's MAC address is its main network's", () => {
  const MacAddress = '02:00:00:00:00:05'
  assert.deepEqual(create({ MacAddress }).endpoints, { default: { mac: MacAddress } })
  const own = { MacAddress, HostConfig: { NetworkMode: 'net' } }
  assert.deepEqual(create({ ...own, ...endpoint({ Aliases: ['a'] }) }).endpoints, {
    net: { aliases: ['a'], mac: MacAddress },
  })
  assert.throws(
    () => create({ ...own, ...endpoint({ MacAddress: '02:00:00:00:00:06' }) }),
    /the container-wide MAC address must match/,
  )
})
