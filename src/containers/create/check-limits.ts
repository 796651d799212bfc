import { availableParallelism } from 'node:os'
import { failure } from '../../util/errors.ts'
import { readIfThere } from '../../util/read-text.ts'
import type { ContainerRequest } from '../containers.ts'
import type { ContainerParts } from '../parts.ts'

/** What an empty process with its runtime needs at least; Docker's bound. */
const leastMemory = 6 * 1024 * 1024

/** Limits that the kernel would refuse, or that would stop every process: said before anything is made (D-R7). */
export function checkLimits(request: ContainerRequest): void {
  checkMemory(request)
  checkCpuTime(request)
  const { cpusetCpus, cpusetMems } = request
  if (cpusetCpus !== undefined && cpusetCpus !== '') checkSet(cpusetCpus, processors)
  if (cpusetMems !== undefined && cpusetMems !== '') checkSet(cpusetMems, memoryNodes)
}

function checkMemory(request: ContainerRequest): void {
  const { memory = 0, memorySwap = 0, memoryReservation = 0, memorySwappiness = 0 } = request
  const refuse = (reason: string): never => {
    throw failure('MEMORY_INVALID', { reason })
  }
  if (memory > 0 && memory < leastMemory) refuse('Minimum memory limit allowed is 6MB')
  if (memorySwap > 0 && request.memory === undefined)
    refuse('You should always set the Memory limit when using Memoryswap limit, see usage')
  if (memorySwap > 0 && memorySwap < memory)
    refuse('Minimum memoryswap limit should be larger than memory limit, see usage')
  if (memoryReservation > 0 && memoryReservation < leastMemory)
    refuse('Minimum memory reservation allowed is 6MB')
  if (memory > 0 && memory < memoryReservation)
    refuse('Minimum memory limit can not be less than memory reservation limit, see usage')
  if (memorySwappiness < 0 || memorySwappiness > 100)
    refuse(`Invalid value: ${memorySwappiness}, valid memory swappiness range is 0-100`)
}

function checkCpuTime({ cpus = 0, cpuPeriod = 0, cpuQuota = 0 }: ContainerRequest): void {
  const available = availableParallelism()
  if (cpus !== 0 && (cpus < 0.01 || cpus > available)) throw failure('CPUS_INVALID', { cpus: available })
  if (cpus !== 0 && cpuPeriod !== 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Period cannot both be set')
  if (cpus !== 0 && cpuQuota !== 0)
    throw invalid('Conflicting options: Nano CPUs and CPU Quota cannot both be set')
  if (cpuPeriod !== 0 && (cpuPeriod < 1000 || cpuPeriod > 1_000_000))
    throw invalid('CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)')
  if (cpuQuota > 0 && cpuQuota < 1000) throw invalid('CPU cfs quota can not be less than 1ms (i.e. 1000)')
}

interface SetKind {
  readonly field: string
  readonly what: string
  readonly online: string
  /** What is there when the kernel does not say. */
  readonly otherwise: string
}
const processors: SetKind = {
  field: 'cpuset cpus',
  what: 'CPUs',
  online: '/sys/devices/system/cpu/online',
  otherwise: '',
}
const memoryNodes: SetKind = {
  field: 'cpuset mems',
  what: 'memory nodes',
  online: '/sys/devices/system/node/has_memory',
  // a kernel without NUMA has one node and no file
  otherwise: '0',
}

function checkSet(text: string, kind: SetKind): void {
  const asked = parseSet(text)
  if (asked === undefined) throw invalid(`Invalid value ${text} for ${kind.field}`)
  const online = readIfThere(kind.online).trim() || kind.otherwise
  const there = parseSet(online)
  if (there === undefined || asked.every((range) => there.some((other) => contains(other, range)))) return
  throw invalid(`Requested ${kind.what} are not available - requested ${text}, available: ${online}`)
}

function invalid(reason: string): Error {
  return failure('INVALID_ARGUMENT', { reason })
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
  // each with the name that the runtime has for it
  const wanted = [
    [limitText('memory'), 'memory', request.memory],
    [limitText('swap'), 'memorySwap', request.memorySwap],
    [limitText('memory soft'), 'memoryReservation', request.memoryReservation],
    [swappinessText, 'memorySwappiness', request.memorySwappiness],
    [limitText('CPU cfs quota'), 'cpuQuota', request.cpus],
    [periodText, 'cpuPeriod', request.cpuPeriod ?? request.cpuQuota],
    [limitText('CPU shares'), 'cpuShares', request.cpuShares],
    [setText, 'cpusetCpus', request.cpusetCpus ?? request.cpusetMems],
    [limitText('pids'), 'pids', request.pidsLimit],
    [ratesText, 'blockIo', request.deviceRates],
  ] as const
  const given = wanted.filter(([, , value]) => value !== undefined)
  if (given.length === 0) return []
  const { unsupportedLimits } = await runtime.describe()
  return given
    .filter(([, limit]) => unsupportedLimits.includes(limit))
    .map(([text]) => `Your kernel does not support ${text}`)
}

const swappinessText =
  'memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.'
const periodText = 'CPU CFS scheduler. CPU period/quota discarded.'
const setText = 'cpuset or the cgroup is not mounted. Cpuset discarded.'

const ratesText = 'Block I/O limits of devices or the cgroup is not mounted. Block I/O limits discarded.'

function limitText(name: string): string {
  return `${name} limit capabilities or the cgroup is not mounted. Limitation discarded.`
}
