import { parseTmpfs, parseVolume } from '../../containers/volume/parse-volume.ts'
import type { MountRequest } from '../../containers/containers.ts'
import { failure } from '../../util/errors.ts'
import type { ContainerCreateBody, HostConfigBody, MountBody } from '../types/container-create.ts'
import { refuseGiven } from './unsupported-fields.ts'

/** Binds, Mounts, Tmpfs and Volumes of a client as one list. INVALID_ARGUMENT for two on one place. */
export function toMountRequests(body: ContainerCreateBody, host: HostConfigBody): MountRequest[] {
  const wanted = [
    ...(host.Binds ?? []).map(parseVolume),
    ...(host.Mounts ?? []).map(toMountRequest),
    ...Object.entries(host.Tmpfs ?? {}).map(([target, options]) =>
      parseTmpfs(options ? `${target}:${options}` : target),
    ),
  ]
  const seen = new Set<string>()
  for (const { target } of wanted) {
    if (seen.has(target)) throw failure('INVALID_ARGUMENT', { reason: `Duplicate mount point: ${target}` })
    seen.add(target)
  }
  // what `-v /data` makes; a mount that says more about the place wins
  const anonymous = Object.keys(body.Volumes ?? {}).filter((target) => !seen.has(target))
  return [
    ...wanted,
    ...anonymous.map((target): MountRequest => ({ type: 'volume', target, readonly: false, short: '' })),
  ]
}

function toMountRequest(mount: MountBody): MountRequest {
  const { Type, Source, Target, ReadOnly, BindOptions, VolumeOptions, ImageOptions, TmpfsOptions } = mount
  const type = Type ?? ''
  if (type !== 'bind' && type !== 'volume' && type !== 'tmpfs' && type !== 'image')
    throw failure('INVALID_ARGUMENT', { reason: `mount type unknown: "${type}"` })
  if (!Target)
    throw failure('INVALID_ARGUMENT', {
      reason: `invalid mount config for type "${type}": field Target must not be empty`,
    })
  if ((type === 'bind' || type === 'image') && !Source) {
    throw failure('INVALID_ARGUMENT', {
      reason: `invalid mount config for type "${type}": field Source must not be empty`,
    })
  }
  refuseGiven(
    BindOptions,
    ['ReadOnlyNonRecursive', 'ReadOnlyForceRecursive'],
    'HostConfig.Mounts.BindOptions.',
  )
  const { Name: driver = '', Options: options } = VolumeOptions?.DriverConfig ?? {}
  if (driver !== '' && driver !== 'local')
    throw failure('NOT_IMPLEMENTED', {
      feature: `HostConfig.Mounts.VolumeOptions.DriverConfig.Name ${driver}`,
    })
  refuseGiven(TmpfsOptions, ['Options'], 'HostConfig.Mounts.TmpfsOptions.')
  const labels = VolumeOptions?.Labels
  const subpath = type === 'image' ? ImageOptions?.Subpath : VolumeOptions?.Subpath
  return {
    type,
    ...(Source && type !== 'tmpfs' && { source: Source }),
    target: Target,
    readonly: ReadOnly ?? false,
    ...(BindOptions?.CreateMountpoint === true && { createSource: true }),
    ...(BindOptions?.NonRecursive === true && { nonRecursive: true }),
    ...(BindOptions?.Propagation && { propagation: BindOptions.Propagation }),
    ...(VolumeOptions?.NoCopy === true && { noCopy: true }),
    ...(subpath && { subpath }),
    ...(options && Object.keys(options).length > 0 && { volumeOptions: options }),
    ...(labels && Object.keys(labels).length > 0 && { volumeLabels: labels }),
    ...(TmpfsOptions?.SizeBytes && { size: TmpfsOptions.SizeBytes }),
    ...(TmpfsOptions?.Mode && { mode: TmpfsOptions.Mode }),
  }
}
