import { failure } from '../../util/errors.ts'
import type { ContainerCreateBody, HostConfigBody } from '../types/container-create.ts'

/** Values that ask for nothing, beside nothing itself. */
const idle: Readonly<Partial<Record<keyof HostConfigBody, readonly unknown[]>>> = {
  VolumeDriver: ['local'],
  // whichever of the two is there is used
  Runtime: ['runc', 'crun'],
}

/** What containers cannot have yet. */
const hostFields = [
  'VolumeDriver',
  'Cgroup',
  'Links',
  'PidMode',
  'StorageOpt',
  'Runtime',
  'CgroupParent',
  'BlkioWeight',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'DeviceRequests',
] as const satisfies readonly (keyof HostConfigBody)[]

/** A wish that would be passed over in silence is refused. NOT_IMPLEMENTED names the field. */
export function refuseUnsupported(body: ContainerCreateBody, host: HostConfigBody): void {
  for (const field of hostFields) {
    if (!isNothing(host[field]) && !idle[field]?.includes(host[field])) throw missing(`HostConfig.${field}`)
  }
  if (!isNothing(body.MacAddress)) throw missing('MacAddress')
}

/** Go's zero values. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}

function missing(feature: string): Error {
  return failure('NOT_IMPLEMENTED', { feature })
}
