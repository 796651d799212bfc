import { failure } from '../../util/errors.ts'
import type { ContainerCreateBody, HostConfigBody } from '../types/container-create.ts'

/** Values that ask for nothing, beside nothing itself. */
const idle: Readonly<Partial<Record<keyof HostConfigBody, readonly unknown[]>>> = {
  VolumeDriver: ['local'],
  // whichever of the two is there is used
  Runtime: ['runc', 'crun', 'io.containerd.runc.v2'],
  Isolation: ['default'],
}

/** What containers cannot have yet. */
const hostFields = [
  'VolumeDriver',
  'Cgroup',
  'Links',
  'StorageOpt',
  'Runtime',
  'CgroupParent',
  'BlkioWeight',
  'BlkioWeightDevice',
  'CpuRealtimePeriod',
  'CpuRealtimeRuntime',
  'Isolation',
] as const satisfies readonly (keyof HostConfigBody)[]

/** A wish that would be passed over in silence is refused. NOT_IMPLEMENTED names the field. */
export function refuseUnsupported(body: ContainerCreateBody, host: HostConfigBody): void {
  for (const field of hostFields) {
    if (!idle[field]?.includes(host[field])) refuseGiven(host, [field], 'HostConfig.')
  }
  for (const wish of host.DeviceRequests ?? []) if (wish.Driver !== 'cdi') refuseDevices(wish)
  refuseGiven(body, ['NetworkDisabled', 'OnBuild', 'Shell'])
}

type DeviceWish = NonNullable<HostConfigBody['DeviceRequests']>[number]

/** There are drivers for no device. In Docker's words: DEVICES_UNKNOWN. */
function refuseDevices({ Driver: driver = '', Capabilities: sets = [] }: DeviceWish): never {
  const wanted = sets.map((set) => `[${set.join(' ')}]`).join(' ')
  const reason = `could not select device driver ${JSON.stringify(driver)} with capabilities: [${wanted}]`
  throw failure('DEVICES_UNKNOWN', { reason })
}

/** Each of these fields must ask for nothing. NOT_IMPLEMENTED names the first that does, `where` before it. */
export function refuseGiven<Fields extends object>(
  fields: Fields | undefined,
  names: readonly (keyof Fields & string)[],
  where = '',
): void {
  const given = names.find((name) => !isNothing(fields?.[name]))
  if (given !== undefined) throw failure('NOT_IMPLEMENTED', { feature: `${where}${given}` })
}

/** Go's zero values. */
function isNothing(value: unknown): boolean {
  if (value === undefined || value === null || value === '' || value === 0 || value === false) return true
  return typeof value === 'object' && Object.keys(value).length === 0
}
