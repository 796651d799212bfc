import { availableParallelism } from 'node:os'
import { failure } from '../util/errors.ts'
import type { ContainerRequest } from './containers.ts'

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
