import type { LimitRequest } from '../../containers/create/limit-request.ts'
import type { HostConfigBody } from '../types/container-create.ts'
import { given } from './given.ts'

type Body = Pick<
  HostConfigBody,
  | 'CpuPeriod'
  | 'CpuQuota'
  | 'CpuShares'
  | 'CpusetCpus'
  | 'CpusetMems'
  | 'Memory'
  | 'MemoryReservation'
  | 'MemorySwap'
  | 'NanoCpus'
  | 'PidsLimit'
>

/** Limits that a create sets and an update changes; 0 and nothing ask for none. */
export function limitsWish(body: Body): LimitRequest {
  return given({
    memory: body.Memory || undefined,
    memorySwap: body.MemorySwap || undefined,
    memoryReservation: body.MemoryReservation || undefined,
    cpus: body.NanoCpus ? body.NanoCpus / 1e9 : undefined,
    cpuPeriod: body.CpuPeriod || undefined,
    cpuQuota: body.CpuQuota || undefined,
    cpuShares: body.CpuShares || undefined,
    cpusetCpus: body.CpusetCpus || undefined,
    cpusetMems: body.CpusetMems || undefined,
    pidsLimit: body.PidsLimit || undefined,
  })
}
