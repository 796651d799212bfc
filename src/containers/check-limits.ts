import { availableParallelism } from 'node:os'
import { failure } from '../util/errors.ts'
import { readIfThere } from '../util/read-text.ts'
import type { ContainerRequest } from './containers.ts'
import type { ContainerParts } from './parts.ts'

/** What an empty process with its runtime needs at least; Docker's bound. */
const leastMemory = 6 * 1024 * 1024

/** Limits that the kernel would refuse, or that would stop every process: said before anything is made (D-R7). */
export function checkLimits({ memory, memorySwap, cpus, cpusetCpus }: ContainerRequest): void {
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
  if (cpusetCpus !== undefined && cpusetCpus !== '') checkSet(cpusetCpus)
}

function checkSet(text: string): void {
  const asked = parseSet(text)
  if (asked === undefined)
    throw failure('INVALID_ARGUMENT', { reason: `Invalid value ${text} for cpuset cpus` })
  const online = readIfThere('/sys/devices/system/cpu/online').trim()
  const there = parseSet(online)
  if (there === undefined || asked.every((range) => there.some((other) => contains(other, range)))) return
  throw failure('INVALID_ARGUMENT', {
    reason: `Requested CPUs are not available - requested ${text}, available: ${online}`,
  })
}

interface Range {
  readonly first: number
  readonly last: number
}

const contains = (outer: Range, inner: Range): boolean =>
  outer.first <= inner.first && inner.last <= outer.last

/** `0-3,5`: the kernel's list form. Undefined for anything else. */
function parseSet(text: string): Range[] | undefined {
  const ranges = text.split(',').map((part): Range | undefined => {
    const [, first, last = first] = /^(\d{1,6})(?:-(\d{1,6}))?$/.exec(part) ?? []
    return first === undefined || Number(first) > Number(last)
      ? undefined
      : { first: Number(first), last: Number(last) }
  })
  return ranges.every((range) => range !== undefined) ? ranges : undefined
}

/** What this machine cannot enforce of the limits asked for, in Docker's words. */
export async function limitWarnings(
  runtime: ContainerParts['runtime'],
  request: Partial<ContainerRequest>,
): Promise<string[]> {
  const { memory, memorySwap, cpus, cpuShares, cpusetCpus, pidsLimit } = request
  // each with the name that the runtime has for it
  const wanted = [
    ['memory', 'memory', memory],
    ['swap', 'memorySwap', memorySwap],
    ['CPU cfs quota', 'cpuQuota', cpus],
    ['CPU shares', 'cpuShares', cpuShares],
    ['cpuset', 'cpusetCpus', cpusetCpus],
    ['pids', 'pids', pidsLimit],
  ] as const
  const given = wanted.filter(([, , value]) => value !== undefined)
  if (given.length === 0) return []
  const { unsupportedLimits } = await runtime.describe()
  return given
    .filter(([, limit]) => unsupportedLimits.includes(limit))
    .map(
      ([name]) =>
        `Your kernel does not support ${name} limit capabilities or the cgroup is not mounted. Limitation discarded.`,
    )
}
