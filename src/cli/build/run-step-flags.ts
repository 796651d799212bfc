import { isIP } from 'node:net'
import type { BuildRequest, RunOptions } from '../../builder/build.ts'
import { failure } from '../../util/errors.ts'
import { suggest } from '../../util/suggest.ts'
import { type Flag, type FlagValues, integer, list, parsed, parsedList, text } from '../flags/flag.ts'
import { parseBytes } from '../../util/parse-bytes.ts'
import { parseSecret, parseSsh } from '../input/parse-secret.ts'
import { parseUlimit, type UlimitRequest } from '../input/parse-ulimit.ts'

/** The table of `runStepFlags`. */
export type RunStepFlags = {
  readonly 'add-host': Flag<readonly string[]>
  readonly allow: Flag<readonly string[]>
  readonly 'cgroup-parent': Flag<string | undefined>
  readonly 'cpu-period': Flag<number | undefined>
  readonly 'cpu-quota': Flag<number | undefined>
  readonly 'cpu-shares': Flag<number | undefined>
  readonly 'cpuset-cpus': Flag<string | undefined>
  readonly 'cpuset-mems': Flag<string | undefined>
  readonly memory: Flag<number | undefined>
  readonly 'memory-swap': Flag<number | undefined>
  readonly 'no-cache-filter': Flag<readonly string[]>
  readonly secret: Flag<readonly string[]>
  readonly 'shm-size': Flag<number | undefined>
  readonly ssh: Flag<readonly string[]>
  readonly ulimit: Flag<readonly UlimitRequest[]>
}

/** Flags of `build` about what its RUN steps get. */
export const runStepFlags: RunStepFlags = {
  'add-host': list('Add a custom host-to-IP mapping (format: "host:ip")'),
  allow: list('Allow extra privileged entitlement (e.g., "network.host", "security.insecure")'),
  'cgroup-parent': text('Set the parent cgroup for the "RUN" instructions during build'),
  'cpu-period': integer('Limit the CPU CFS (Completely Fair Scheduler) period'),
  'cpu-quota': integer('Limit the CPU CFS (Completely Fair Scheduler) quota'),
  'cpu-shares': integer('CPU shares (relative weight)', { short: 'c' }),
  'cpuset-cpus': text('CPUs in which to allow execution ("0-3", "0,1")'),
  'cpuset-mems': text('MEMs in which to allow execution ("0-3", "0,1")'),
  memory: parsed('Memory limit', parseBytes, { short: 'm', type: 'bytes' }),
  'memory-swap': parsed('Swap limit equal to memory plus swap: "-1" to enable unlimited swap', parseSwap, {
    type: 'bytes',
  }),
  'no-cache-filter': list('Do not cache specified stages'),
  secret: list('Secret to expose to the build (format: "id=mysecret[,src=/local/secret]")'),
  'shm-size': parsed('Shared memory size for build containers', parseBytes, { type: 'bytes' }),
  ssh: list(
    'SSH agent socket or keys to expose to the build (format: "default|<id>[=<socket>|<key>[,<key>]]")',
  ),
  ulimit: parsedList('Ulimit options', parseUlimit, { type: 'ulimit' }),
}

function parseSwap(value: string): number {
  return value === '-1' ? -1 : parseBytes(value)
}

type StepRequest = Pick<BuildRequest, 'entitlements' | 'noCacheFilter' | 'secrets' | 'ssh' | 'run'>

/** The part of a build's request that these flags make. CLI_FAILED. */
export async function stepRequest(
  flags: FlagValues<RunStepFlags>,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Required<StepRequest>> {
  return {
    entitlements: flags.allow.map(parseEntitlement),
    noCacheFilter: flags['no-cache-filter'].flatMap((stages) => stages.split(',')),
    secrets: await Promise.all(flags.secret.map((flag) => parseSecret(flag, env))),
    ssh: await Promise.all(flags.ssh.map((flag) => parseSsh(flag, env))),
    run: runOptions(flags),
  }
}

function runOptions(flags: FlagValues<RunStepFlags>): RunOptions {
  const limits = {
    memory: flags.memory,
    memorySwap: flags['memory-swap'],
    cpuPeriod: flags['cpu-period'],
    cpuQuota: flags['cpu-quota'],
    cpuShares: flags['cpu-shares'],
    cpusetCpus: flags['cpuset-cpus'],
    cpusetMems: flags['cpuset-mems'],
  }
  const given = Object.entries(limits).filter(([, value]) => value !== undefined)
  const { 'shm-size': shmSize, 'cgroup-parent': cgroupParent } = flags
  return {
    hosts: flags['add-host'].map(parseHost),
    ulimits: flags.ulimit,
    ...(shmSize === undefined ? {} : { shmSize }),
    ...(cgroupParent === undefined ? {} : { cgroupParent }),
    ...(given.length === 0 ? {} : { limits: Object.fromEntries(given) }),
  }
}

const entitlements = ['network.host', 'security.insecure'] as const

function parseEntitlement(word: string): (typeof entitlements)[number] {
  const found = entitlements.find((one) => one === word)
  if (found !== undefined) return found
  const near = suggest(word, entitlements)
  const hint = near === undefined ? `there are ${entitlements.join(' and ')}` : `did you mean ${near}?`
  throw failure('CLI_FAILED', { reason: `unknown entitlement ${word}: ${hint}` })
}

/** `name:address` or `name=address`, as `name:address`; an IPv6 address may stand in brackets. */
function parseHost(flag: string): string {
  const at = flag.search(/[:=]/)
  const name = flag.slice(0, Math.max(0, at))
  const address = flag.slice(at + 1).replace(/^\[(.*)\]$/, '$1')
  if (/^[\w.-]+$/.test(name) && (address === 'host-gateway' || isIP(address) !== 0))
    return `${name}:${address}`
  throw failure('CLI_FAILED', { reason: `invalid --add-host ${flag}: must be name:address` })
}
