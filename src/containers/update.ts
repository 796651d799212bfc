import type { ResourceLimits } from '../runtime/runtime.ts'
import { failure } from '../util/errors.ts'
import { checkLimits, limitWarnings } from './create/check-limits.ts'
import { recordEvent } from './container-events.ts'
import type { ContainerRequest, ContainerUpdate } from './containers.ts'
import { handleOf, lockContainer } from './handle.ts'
import type { ContainerParts } from './parts.ts'
import { resourceLimits } from './create/process-spec.ts'
import { getContainer, updateContainer } from './record.ts'
import { checkRestartPolicy } from './life/restart-policy.ts'
import { settleLocked } from './life/settle.ts'

/**
 * Other limits from now on, and for every later start; what is not given stays. Returns warnings: limits that this
 * machine cannot enforce. CONTAINER_REMOVING, MEMORY_INVALID, CPUS_INVALID, RESTART_POLICY_*, LIMITS_REFUSED by the kernel.
 */
export async function updateRequest(
  parts: ContainerParts,
  nameOrId: string,
  update: ContainerUpdate,
): Promise<readonly string[]> {
  const { id } = getContainer(parts.store, nameOrId)
  await using _lock = await lockContainer(parts.store, id)
  const { data, name } = await settleLocked(parts, id)
  if (data.phase === 'removing') throw failure('CONTAINER_REMOVING', { name })
  const request: ContainerRequest = { ...data.request, ...update }
  checkLimits(request)
  if (update.restartPolicy !== undefined) checkRestartPolicy(request)
  // the kernel may refuse: then nothing is recorded either
  if (data.phase === 'started') await parts.runtime.limit(handleOf(parts, id), changedLimits(update, request))
  recordEvent(
    parts,
    updateContainer(parts.store, id, (now) => ({ ...now, request })),
    'update',
  )
  return await limitWarnings(parts.runtime, update)
}

/** Of all limits those that change; a limit that is taken away is -1. */
function changedLimits(update: ContainerUpdate, request: ContainerRequest): ResourceLimits {
  const { memory, memorySwap, memoryReservation, cpuShares, cpusetCpus, cpusetMems, pidsLimit } = update
  const limits = resourceLimits(request)
  const isMemory = memory !== undefined || memorySwap !== undefined
  const isTime = [update.cpus, update.cpuPeriod, update.cpuQuota].some((value) => value !== undefined)
  return {
    ...(isMemory && { memory: limits.memory ?? -1, memorySwap: limits.memorySwap ?? -1 }),
    ...(isTime && { cpuPeriod: limits.cpuPeriod ?? 100_000, cpuQuota: limits.cpuQuota ?? -1 }),
    ...(memoryReservation !== undefined && { memoryReservation }),
    ...(cpuShares !== undefined && { cpuShares }),
    ...(cpusetCpus !== undefined && { cpusetCpus }),
    ...(cpusetMems !== undefined && { cpusetMems }),
    ...(pidsLimit !== undefined && { pids: limits.pids ?? -1 }),
  }
}
