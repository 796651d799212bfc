import { failure } from '../../util/errors.ts'
import type { Service } from '../model/service.ts'

const noLimit = 'only memory, CPU time, processors and pids are limited by compose files here'

/** Settings that mean nothing here, with the reason: whoever gives one must not believe that it works. */
const reasons: Readonly<Partial<Record<keyof Service, string>>> = {
  blkio_config: noLimit,
  cgroup_parent: 'the control groups of containers lie below /mille',
  cpu_count: 'it is for Windows',
  cpu_percent: 'it is for Windows',
  cpu_rt_period: noLimit,
  cpu_rt_runtime: noLimit,
  credential_spec: 'it is for Windows',
  external_links: 'containers of one network find each other by name',
  gpus: 'no driver gives GPUs; give the device files with devices',
  isolation: 'it is for Windows',
  models: 'there is no model runner',
  provider: 'there are no provider plugins',
  runtime: 'the runtime is crun or runc, whichever this machine has',
  storage_opt: 'the size of a container is not limited',
  use_api_socket: 'the socket of `mille serve` is put into a container with volumes',
}

/** COMPOSE_UNSUPPORTED names the first setting that this machine's engine cannot have. */
export function checkSupported(name: string, service: Service): void {
  const refuse = (what: string, reason: string): never => {
    throw failure('COMPOSE_UNSUPPORTED', { what: `services.${name}.${what}`, reason })
  }
  for (const [key, reason] of Object.entries(reasons)) {
    const value = service[key as keyof Service]
    if (value !== undefined && !(Array.isArray(value) && value.length === 0)) refuse(key, reason)
  }
  for (const { type } of service.volumes ?? []) {
    if (type === 'npipe' || type === 'cluster')
      refuse(`volumes of type ${type}`, 'there are bind, volume, tmpfs and image')
  }
  for (const [network, endpoint] of Object.entries(service.networks ?? {})) {
    if ((endpoint?.link_local_ips ?? []).length > 0)
      refuse(`networks.${network}.link_local_ips`, 'a container has one address in each network')
  }
  if (service.deploy?.resources?.reservations?.devices !== undefined)
    refuse(
      'deploy.resources.reservations.devices',
      'no driver gives devices; give the device files with devices',
    )
}
