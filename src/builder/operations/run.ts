import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { canExecute } from '../../linux/can-execute.ts'
import { formatPlatform, hostPlatform } from '../../oci/platform.ts'
import type { Ingredient } from '../../store/store.ts'
import { isMilleError, type MilleError } from '../../util/errors.ts'
import { failAt } from '../plan/source-problem.ts'
import type { BuildStep, RunOp } from '../plan/step.ts'
import type { BuildSession, StepInputs } from '../session.ts'
import type { StepExit, StepSpec } from '../step-runner.ts'
import { keepFailure, keptNotes, snapshotKey } from '../debug/keep-failure.ts'
import { MountSources } from '../mounts/mount-sources.ts'
import { openMounts } from '../mounts/open-mounts.ts'
import { usualHostname } from '../run-options.ts'
import type { PreparedStep, StepLayer } from './operation.ts'
import { openProcess } from './open-process.ts'
import { OutputTail } from './output-tail.ts'

/** The kernel stamps files with a clock that lags by up to a tick. */
const clockLag = 20

/** RUN (A20): a container on the files so far; what it changed becomes a layer. */
export function prepareRun(session: BuildSession, inputs: StepInputs, op: RunOp): PreparedStep {
  const common = runIngredients(session, op)
  const sources = new MountSources(session, inputs, op.mounts)
  const names = sources.byName()
  const { byContent } = sources
  return {
    ...(names === undefined ? {} : { definition: [...common, ...names] }),
    ...(byContent === undefined
      ? {}
      : {
          content: async () => {
            const { ingredients, ...rest } = await byContent()
            return { ingredients: [...common, ...ingredients], ...rest }
          },
        }),
    run: () => executeRun(session, inputs, op, sources),
  }
}

function runIngredients({ timestamps, epoch, hasEpoch, run }: BuildSession, op: RunOp): Ingredient[] {
  const text = (name: string, value: string): Ingredient => ({ kind: 'text', name, value })
  const { hostname, hosts = [], shmSize, ulimits = [] } = run
  return [
    { ...text('command', JSON.stringify(op.argv)), shown: op.argv.join(' ') },
    ...(op.script === undefined ? [] : [text('script', op.script.content)]),
    text('user', op.user),
    text('folder', op.cwd),
    text('network', op.network),
    ...(op.security === 'sandbox' ? [] : [text('security', op.security)]),
    ...(hostname === usualHostname ? [] : [text('hostname', hostname)]),
    ...(hosts.length === 0 ? [] : [text('hosts', hosts.join(' '))]),
    ...(shmSize === undefined ? [] : [text('shm size', String(shmSize))]),
    ...ulimits.map(({ name, soft, hard }) => text(`ulimit ${name}`, `${soft}:${hard}`)),
    text('timestamps', `${timestamps} ${epoch}${hasEpoch ? ' given' : ''}`),
    ...op.env.map(([name, value]) => ({ kind: 'environment', name, value })),
    ...op.args.map(([name, value]) => ({ kind: 'argument', name, value })),
  ]
}

async function executeRun(
  session: BuildSession,
  inputs: StepInputs,
  op: RunOp,
  sources: MountSources,
): Promise<StepLayer> {
  const { store, lease, signal, timestamps, epoch } = session
  const { step, parent } = inputs
  refuseForeign(session, step)
  const key = snapshotKey(session, step)
  await mkdir(join(session.folder, step.id))
  // whatever happens, caches are given back and what was mounted is taken away
  await using stack = new AsyncDisposableStack()
  const opened = await openMounts(session, inputs, op, sources, { key, stack })
  const snapshot = await store.snapshots.prepare(key, parent.chain, { shortLived: true })
  let isKept = false
  stack.defer(() => (isKept ? store.snapshots.unmount(key) : store.snapshots.remove(key)))
  const spec = await openProcess(session, inputs, op, { key, rootfs: snapshot.path, opened, stack })
  const since = BigInt(Date.now() - clockLag) * 1_000_000n
  const { exit, output } = await runProcess(session, step, op, spec)
  if (exit.exitCode !== 0) {
    const kept = await keepFailure(session, inputs, op, sources, exit.exitCode)
    isKept = kept !== undefined
    throw stepFailure(session, step, op, { exit, output, spec, kept })
  }
  return await store.snapshots.commit(key, { lease, signal, timestamps, since, epoch })
}

/** Before the first thing is done: the kernel would only say "exec format error" of the shell. */
function refuseForeign({ dockerfile }: BuildSession, step: BuildStep): void {
  if (canExecute(step.platform.architecture)) return
  const foreign = formatPlatform(step.platform)
  const reason = `this machine (${formatPlatform(hostPlatform())}) does not start programs of ${foreign}: install the Debian package qemu-user-static, or build in a stage FROM --platform=$BUILDPLATFORM and COPY the result`
  throw failAt('PLATFORM_NOT_RUNNABLE', { dockerfile, instruction: step }, reason)
}

interface Ended {
  readonly exit: StepExit
  /** The last lines. */
  readonly output: readonly string[]
}

async function runProcess(session: BuildSession, step: BuildStep, op: RunOp, spec: StepSpec): Promise<Ended> {
  const tail = new OutputTail(20)
  const io = {
    onOutput: (stream: 'stdout' | 'stderr', chunk: Buffer): void => {
      tail.add(chunk)
      session.emit({ type: 'output', step: step.id, stream, chunk, time: session.now() })
    },
  }
  try {
    const id = `mille-${session.id}-${step.id.replace('.', '-')}`
    const exit = await session.runner.run(id, spec, io, { signal: session.signal })
    if (exit.cpu !== undefined) session.cpu?.set(step.id, exit.cpu)
    return { exit, output: tail.lines() }
  } catch (error) {
    if (!isMilleError(error) || error.kind === 'canceled') throw error
    // the process was never started: unknown user, missing shell
    const place = { dockerfile: session.dockerfile, instruction: step }
    const details = { command: commandText(op), step: step.name }
    throw failAt('STEP_FAILED', place, error.message, { cause: error, details })
  }
}

function stepFailure(
  { dockerfile, offline }: BuildSession,
  step: BuildStep,
  op: RunOp,
  { exit, output, spec, kept }: Ended & { readonly spec: StepSpec; readonly kept: string | undefined },
): MilleError {
  const reason = exitReason(exit, spec) + (offline ? ' (the build is offline: steps have no network)' : '')
  const message = `process "${commandText(op)}" did not complete successfully: ${reason}`
  const lines = output.map((line) => `${line}\n`)
  const before = lines.length === 0 ? '' : `------\n > ${step.name}:\n${lines.join('')}------\n`
  const { exitCode, oomKilled } = exit
  const details = {
    command: commandText(op),
    step: step.name,
    exitCode,
    oomKilled,
    ...(kept && { debug: kept }),
  }
  const notes = kept === undefined ? [] : keptNotes(kept)
  return failAt('STEP_FAILED', { dockerfile, instruction: step }, message, { before, details, notes })
}

function commandText({ argv, script }: RunOp): string {
  return script === undefined
    ? argv.join(' ')
    : `${script.content.split('\n', 1)[0]} (heredoc ${script.name})`
}

function exitReason({ exitCode, oomKilled }: StepExit, { limits }: StepSpec): string {
  if (oomKilled) {
    const limit = limits?.memory === undefined ? '' : `, limit ${limits.memory} bytes`
    return `killed (out of memory${limit}), exit code: ${exitCode}`
  }
  return exitCode > 128 && exitCode < 165
    ? `killed by signal ${exitCode - 128}, exit code: ${exitCode}`
    : `exit code: ${exitCode}`
}
