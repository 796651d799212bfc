import { availableParallelism } from 'node:os'
import { failure } from '../util/errors.ts'
import type { ContainerRequest } from './containers.ts'
import type { ContainerParts } from './parts.ts'

/** What an empty process with its runtime needs at least; Docker's bound. */
const leastMemory = 6 * 1024 * 1024

/** Limits that the kernel would refuse, or that would stop every process: said before anything is made (D-R7). */
export function checkLimits({ memory, memorySwap, cpus }: ContainerRequest): void {
  if (memory !== undefined && memory > 0 && memory < leastMemory)
    throw failure('MEMORY_INVALID', { reason: 'Minimum memory limit allowed is 6MB' })
  if (memorySwap !== undefined && memorySwap > 0) {
    if (memory === undefined)
      throw failure('MEMORY_INVALID', {
        reason: 'You should always set the Memory limit when using Memoryswap limit, see usage',
      })
    if (memorySwap < memory)
      throw failure('MEMORY_INVALID', {
        reason: 'Minimum memoryswap limit should be larger than memory limit, see usage',
      })
  }
  const available = availableParallelism()
  if (cpus !== undefined && cpus !== 0 && (cpus < 0.01 || cpus > available))
    throw failure('CPUS_INVALID', { cpus: available })
}

/** What this machine cannot enforce of the limits asked for, in Docker's words. */
export async function limitWarnings(
  runtime: ContainerParts['runtime'],
  request: Partial<ContainerRequest>,
): Promise<string[]> {
  const { memory, memorySwap, cpus, cpuShares, cpusetCpus, pidsLimit } = request
  const wanted = { memory: memory ?? memorySwap, cpu: cpus ?? cpuShares, cpuset: cpusetCpus, pids: pidsLimit }
  const names = Object.entries(wanted).flatMap(([name, value]) => (value === undefined ? [] : [name]))
  if (names.length === 0) return []
  const { unsupportedLimits } = await runtime.describe()
  return names
    .filter((name) => unsupportedLimits.includes(name))
    .map(
      (name) =>
        `Your kernel does not support ${name} limit capabilities or the cgroup is not mounted. Limitation discarded.`,
    )
}
