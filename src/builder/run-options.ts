import { isIP } from 'node:net'
import { failure } from '../util/errors.ts'
import type { BuildEvent, BuildRequest } from './build.ts'
import type { OtherMachine } from './repro/other-machine.ts'
import type { BuildSession } from './session.ts'
import type { StepLimits, StepRunner } from './step-runner.ts'

/** BuildKit's. */
export const usualHostname = 'buildkitsandbox'

/** What an empty process with its runtime needs at least, bytes; Docker's bound. */
const leastMemory = 6 * 1024 * 1024

/**
 * What holds for every RUN step, checked before the first one runs. A limit that this machine cannot enforce is a
 * warning, as in Docker. INVALID_ARGUMENT.
 */
export async function runOptions(
  { run = {}, buildArgs }: BuildRequest,
  runner: Pick<StepRunner, 'describe'>,
  emit: (event: BuildEvent) => void,
  machine?: Pick<OtherMachine, 'hostname'>,
): Promise<BuildSession['run']> {
  for (const line of run.hosts ?? []) checkHost(line)
  if (run.limits !== undefined) await checkLimits(run.limits, runner, emit)
  const hostname = hostnameOf(buildArgs['BUILDKIT_SANDBOX_HOSTNAME'] || machine?.hostname)
  return { ...run, hostname }
}

/** Host name of the steps (B24). It gets into a file of theirs: a newline would add a line. */
function hostnameOf(given: string | undefined): string {
  const name = given || usualHostname
  if (/^[A-Za-z0-9][A-Za-z0-9.-]{0,63}$/.test(name)) return name
  const reason = `BUILDKIT_SANDBOX_HOSTNAME is no host name: ${JSON.stringify(name)}`
  throw failure('INVALID_ARGUMENT', { reason })
}

function checkHost(line: string): void {
  const colon = line.indexOf(':')
  const address = line.slice(colon + 1)
  if (/^[\w.-]+$/.test(line.slice(0, colon)) && (address === 'host-gateway' || isIP(address) !== 0)) return
  throw failure('INVALID_ARGUMENT', { reason: `invalid host ${JSON.stringify(line)}: must be name:address` })
}

async function checkLimits(
  limits: StepLimits,
  runner: Pick<StepRunner, 'describe'>,
  emit: (event: BuildEvent) => void,
): Promise<void> {
  const { memory, memorySwap } = limits
  if (memory !== undefined && memory < leastMemory)
    throw failure('INVALID_ARGUMENT', { reason: 'Minimum memory limit allowed is 6MB' })
  if (memorySwap !== undefined && memorySwap > 0 && memorySwap < (memory ?? Infinity)) {
    const reason =
      memory === undefined
        ? 'You should always set the Memory limit when using Memoryswap limit, see usage'
        : 'Minimum memoryswap limit should be larger than memory limit, see usage'
    throw failure('INVALID_ARGUMENT', { reason })
  }
  const { unsupportedLimits } = await runner.describe()
  for (const name of unsupportedLimits.filter((one) => one in limits)) {
    const message = `This machine's control groups cannot enforce the limit ${name}. Limitation discarded.`
    emit({ type: 'warning', rule: 'UnsupportedLimit', message })
  }
}
