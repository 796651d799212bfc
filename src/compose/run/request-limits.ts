import type { ContainerWish } from '../../containers/containers.ts'
import type { Service } from '../model/service.ts'

/** Limits, of `deploy` or of the service itself: the checks of the project let them not differ. */
export function limitRequest(service: Service): Partial<ContainerWish> {
  const { limits, reservations } = service.deploy?.resources ?? {}
  const number = (text: string | undefined): number | undefined =>
    text === undefined ? undefined : Number(text)
  const fields = {
    cpus: limits?.cpus ?? service.cpus,
    memory: number(limits?.memory ?? service.mem_limit),
    memoryReservation: number(reservations?.memory ?? service.mem_reservation),
    memorySwap: number(service.memswap_limit),
    memorySwappiness: number(service.mem_swappiness),
    pidsLimit: limits?.pids ?? service.pids_limit,
    cpuPeriod: service.cpu_period,
    cpuQuota: service.cpu_quota,
    cpuShares: service.cpu_shares,
    cpusetCpus: service.cpuset,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}
